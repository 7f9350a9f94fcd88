package dev.millhand.conformance;

import dev.millhand.client.MillhandClient;
import dev.millhand.client.NewTask;
import dev.millhand.client.Registered;
import dev.millhand.client.Session;
import dev.millhand.client.SubscribeOptions;
import dev.millhand.client.errors.MillhandErrors;
import dev.millhand.conformance.v1.Begun;
import dev.millhand.conformance.v1.Ended;
import dev.millhand.conformance.v1.RegisterMany;
import dev.millhand.conformance.v1.SessionAct;
import dev.millhand.conformance.v1.Step;
import dev.millhand.v1.RegisterMode;
import dev.millhand.v1.SessionSubscribe;
import dev.millhand.v1.SubscribeScope;
import dev.millhand.v1.TaskView;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** A session from its opening to its end. */
final class SessionScript {
  private final Player player;
  private final MillhandClient client;
  private final Step step;
  private final dev.millhand.conformance.v1.Session call;

  SessionScript(Player player, MillhandClient client, Step step) {
    this.player = player;
    this.client = client;
    this.step = step;
    this.call = step.getSession();
  }

  void play() throws Exception {
    Session session = client.session(call.getSessionId());
    try (session) {
      if (call.hasSubscribe()) {
        session.subscribe(options(call.getSubscribe()));
      }
      begun(session.cursor(), session.id());
      List<CompletableFuture<?>> pipelined = new ArrayList<>();
      for (SessionAct act : call.getActsList()) {
        act(session, act, pipelined);
      }
      if (call.getFinish()) {
        session.finish();
      }
      if (call.getFinish() || call.getAtMost() > 0) {
        new Records(
                player,
                step,
                call.getAtMost(),
                call.getPause(),
                call.getPauseAfter(),
                call.getBrief())
            .show(session.results());
      }
      for (CompletableFuture<?> one : pipelined) {
        one.get();
      }
    }
    player.show(step, seen -> seen.setEnded(Ended.newBuilder().setCursor(session.cursor())));
  }

  private void act(Session session, SessionAct act, List<CompletableFuture<?>> pipelined)
      throws Exception {
    switch (act.getKindCase()) {
      case REGISTER -> {
        CompletableFuture<?> shown = register(session, act.getRegister());
        if (act.getPipelined()) {
          pipelined.add(shown);
        } else {
          shown.get();
        }
      }
      case CANCEL ->
          session
              .cancel(act.getCancel().getIdsList(), act.getCancel().getReason())
              .forEach(one -> player.show(step, seen -> seen.setCancel(Showing.cancel(one))));
      case SUBSCRIBE -> session.subscribe(options(act.getSubscribe()));
      case UNSUBSCRIBE -> begun(session.unsubscribe(), "");
      case KIND_NOT_SET -> throw new AssertionError("an act that this program does not know");
    }
  }

  private CompletableFuture<?> register(Session session, RegisterMany act) {
    List<NewTask> tasks = Translation.tasks(act.getTasksList());
    CompletableFuture<List<Registered>> answer =
        act.getMode() == RegisterMode.REGISTER_MODE_PER_ITEM
            ? session.registerEachAsync(tasks)
            : session.registerAllAsync(tasks);
    return answer.handle(
        (registered, error) -> {
          if (error != null) {
            dev.millhand.conformance.v1.Registered.Builder refused =
                dev.millhand.conformance.v1.Registered.newBuilder()
                    .setFailure(Showing.failure(MillhandErrors.of(error)));
            player.show(step, seen -> seen.setRegistered(refused));
          } else {
            registered.forEach(
                one -> player.show(step, seen -> seen.setRegistered(Showing.registered(one))));
          }
          return null;
        });
  }

  private SubscribeOptions options(SessionSubscribe call) {
    SubscribeOptions options =
        call.getScope() == SubscribeScope.SUBSCRIBE_SCOPE_FILTER
            ? SubscribeOptions.everyone()
            : SubscribeOptions.own();
    options = options.after(player.after(call.getAfter()));
    if (call.hasFilter()) {
      options = options.filter(Translation.filter(call.getFilter()));
    }
    if (call.getIncludeProgress()) {
      options = options.withProgress();
    }
    return call.getView() == TaskView.TASK_VIEW_FULL ? options.withPayloads() : options;
  }

  private void begun(String cursor, String id) {
    player.show(step, seen -> seen.setBegun(Begun.newBuilder().setCursor(cursor).setSessionId(id)));
  }
}
