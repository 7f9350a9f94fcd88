package dev.millhand.conformance;

import com.google.protobuf.ByteString;
import dev.millhand.client.CancelAnswer;
import dev.millhand.client.CancelledRecord;
import dev.millhand.client.CancelledTask;
import dev.millhand.client.ExecuteOptions;
import dev.millhand.client.Gap;
import dev.millhand.client.ListOptions;
import dev.millhand.client.LogReader;
import dev.millhand.client.LogRecord;
import dev.millhand.client.MillhandClient;
import dev.millhand.client.NewTask;
import dev.millhand.client.ReadOptions;
import dev.millhand.client.Registered;
import dev.millhand.client.Result;
import dev.millhand.client.ResultsPage;
import dev.millhand.conformance.v1.Begun;
import dev.millhand.conformance.v1.Cancelled;
import dev.millhand.conformance.v1.Ended;
import dev.millhand.conformance.v1.Execute;
import dev.millhand.conformance.v1.ExecuteRegistered;
import dev.millhand.conformance.v1.Page;
import dev.millhand.conformance.v1.Raw;
import dev.millhand.conformance.v1.RegisterMany;
import dev.millhand.conformance.v1.Results;
import dev.millhand.conformance.v1.Seen;
import dev.millhand.conformance.v1.Step;
import dev.millhand.v1.CancelAllAndWaitRequest;
import dev.millhand.v1.CancelTaskRequest;
import dev.millhand.v1.GetResultsRequest;
import dev.millhand.v1.GetTasksRequest;
import dev.millhand.v1.RegisterMode;
import dev.millhand.v1.ShutdownRequest;
import dev.millhand.v1.StartWorkersRequest;
import dev.millhand.v1.StreamResultsRequest;
import dev.millhand.v1.Task;
import dev.millhand.v1.TaskServiceGrpc;
import dev.millhand.v1.TaskView;
import dev.millhand.v1.WaitRequest;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.UnaryOperator;

/** One step, by the client's own means. */
final class Calls {
  private final Player player;
  private final MillhandClient client;
  private final Step step;

  Calls(Player player, MillhandClient client, Step step) {
    this.player = player;
    this.client = client;
    this.step = step;
  }

  void take() throws Exception {
    switch (step.getCallCase()) {
      case EXECUTE -> execute(step.getExecute());
      case EXECUTE_REGISTERED -> executeRegistered(step.getExecuteRegistered());
      case REGISTER -> shown(client.register(Translation.task(step.getRegister())));
      case REGISTER_MANY -> registerMany(step.getRegisterMany());
      case GET -> get(step.getGet().getId(), step.getGet().getView());
      case LIST -> list();
      case ACTIVE -> {
        client.active().forEach(this::shown);
        ended("");
      }
      case CANCEL -> cancel(step.getCancel());
      case CANCEL_ALL ->
          show(
              seen ->
                  seen.setCancelledAll(
                      Showing.cancelledAll(
                          client.cancelAll(
                              Translation.filter(step.getCancelAll().getFilter()),
                              step.getCancelAll().getReason()))));
      case CANCEL_ALL_AND_WAIT -> cancelAllAndWait(step.getCancelAllAndWait());
      case WAIT -> await(step.getWait());
      case RESULTS -> results(step.getResults());
      case RESULTS_PAGE -> resultsPage(step.getResultsPage());
      case CANCELLED -> cancelled(step.getCancelled());
      case SESSION -> new SessionScript(player, client, step).play();
      case HANDLERS -> {
        client.handlers().forEach(one -> show(seen -> seen.setHandler(one)));
        ended("");
      }
      case INFO -> show(seen -> seen.setInfo(client.info()));
      case EXPLAIN -> show(seen -> seen.setExplanation(client.explain(step.getExplain().getId())));
      case START_WORKERS -> startWorkers(step.getStartWorkers());
      case SHUTDOWN -> shutdown(step.getShutdown());
      case RAW -> raw(step.getRaw());
      case CANCEL_STEP -> {
        player.cancel(step.getCancelStep());
        ended("");
      }
      case PAUSE -> player.pause(step, step.getPause());
      case LOAD -> show(seen -> seen.setRate(new LoadMeasure(client, step.getLoad()).measure()));
      case CLOSE -> {
        client.close();
        ended("");
      }
      case CALL_NOT_SET -> throw new AssertionError("a step that this program does not know");
    }
  }

  private void execute(Execute call) {
    MillhandClient patient =
        call.hasRetryWhenFull()
            ? client.withRetryWhenFull(Translation.duration(call.getRetryWhenFull()))
            : client;
    NewTask task = Translation.task(call.getTask());
    ExecuteOptions options =
        Translation.waiting(call.hasTimeout(), call.getTimeout(), call.getCancelOnTimeout());
    output(patient.executeTask(task, options));
  }

  private void executeRegistered(ExecuteRegistered call) {
    ExecuteOptions options =
        Translation.waiting(call.hasTimeout(), call.getTimeout(), call.getCancelOnTimeout());
    output(client.executeRegistered(call.getId(), options));
  }

  private void output(Result result) {
    Object output = result.output();
    show(seen -> seen.setOutput(Translation.value(output)));
  }

  private void registerMany(RegisterMany call) {
    List<NewTask> tasks = Translation.tasks(call.getTasksList());
    List<Registered> answers =
        call.getMode() == RegisterMode.REGISTER_MODE_PER_ITEM
            ? client.registerEach(tasks)
            : client.registerAll(tasks);
    answers.forEach(one -> show(seen -> seen.setRegistered(Showing.registered(one))));
  }

  private void get(String id, TaskView view) {
    shown(view == TaskView.TASK_VIEW_FULL ? client.getWithPayload(id) : client.get(id));
  }

  private void list() throws InterruptedException {
    GetTasksRequest request = step.getList().getRequest();
    ListOptions options =
        ListOptions.defaults().orderBy(request.getOrderBy()).pageSize(request.getPageSize());
    if (request.getView() == TaskView.TASK_VIEW_FULL) {
      options = options.withPayloads();
    }
    int count = 0;
    for (Task task : client.list(Translation.filter(request.getFilter()), options)) {
      shown(task);
      count++;
      if (count == 1 && !step.getList().getPause().isEmpty()) {
        player.pause(step, step.getList().getPause());
      }
      if (count == step.getList().getAtMost()) {
        break;
      }
    }
    ended("");
  }

  private void cancel(CancelTaskRequest call) {
    CancelAnswer answer =
        call.hasWait()
            ? client.cancel(call.getId(), call.getReason(), Translation.duration(call.getWait()))
            : client.cancel(call.getId(), call.getReason());
    show(seen -> seen.setCancel(Showing.cancel(call.getId(), answer)));
  }

  private void cancelAllAndWait(CancelAllAndWaitRequest call) throws Exception {
    Optional<Duration> timeout =
        call.hasTimeout() ? Optional.of(Translation.duration(call.getTimeout())) : Optional.empty();
    dev.millhand.client.CancelledAll answer =
        client
            .async()
            .cancelAllAndWait(Translation.filter(call.getFilter()), call.getReason(), timeout)
            .get();
    show(seen -> seen.setCancelledAll(Showing.cancelledAll(answer)));
  }

  private void await(WaitRequest call) {
    dev.millhand.client.Filter filter = Translation.filter(call.getFilter());
    dev.millhand.client.Waited answer =
        call.hasTimeout()
            ? client.await(filter, Translation.duration(call.getTimeout()))
            : client.await(filter);
    show(seen -> seen.setWaited(Showing.waited(answer)));
  }

  private void results(Results call) throws InterruptedException {
    try (LogReader<LogRecord> reader = client.results(reading(call.getRequest()))) {
      show(seen -> seen.setBegun(Begun.newBuilder().setCursor(reader.cursor())));
      Records records =
          new Records(
              player,
              step,
              call.getAtMost(),
              call.getPause(),
              call.getPauseAfter(),
              call.getBrief());
      records.show(reader);
      ended(reader.cursor());
    }
  }

  private ReadOptions reading(StreamResultsRequest request) {
    ReadOptions options =
        ReadOptions.defaults()
            .filter(Translation.filter(request.getFilter()))
            .after(player.after(request.getAfter()));
    if (request.getIncludeProgress()) {
      options = options.withProgress();
    }
    if (request.getView() == TaskView.TASK_VIEW_FULL) {
      options = options.withPayloads();
    }
    if (request.getCloseOnCompletion()) {
      return options.untilDone();
    }
    return request.getFollow() ? options : options.retainedOnly();
  }

  private void resultsPage(GetResultsRequest call) {
    ResultsPage page =
        client.resultsPage(
            Translation.filter(call.getFilter()),
            player.after(call.getAfter()),
            call.getPageSize(),
            call.getView() == TaskView.TASK_VIEW_FULL);
    page.gap().ifPresent(gap -> show(seen -> seen.setGap(gap.message())));
    page.results().forEach(one -> show(seen -> seen.setResult(Showing.result(one, false))));
    show(seen -> seen.setPage(Page.newBuilder().setNextCursor(page.nextCursor())));
  }

  private void cancelled(Cancelled call) {
    ReadOptions options = ReadOptions.defaults().after(player.after(call.getRequest().getAfter()));
    if (!call.getRequest().getFollow()) {
      options = options.retainedOnly();
    }
    try (LogReader<CancelledRecord> reader = client.cancelled(options)) {
      show(seen -> seen.setBegun(Begun.newBuilder().setCursor(reader.cursor())));
      int count = 0;
      while ((call.getAtMost() == 0 || count < call.getAtMost()) && reader.hasNext()) {
        CancelledRecord one = reader.next();
        if (one instanceof CancelledTask task) {
          count++;
          show(
              seen ->
                  seen.setCancelledTask(
                      dev.millhand.conformance.v1.CancelledTask.newBuilder()
                          .setTask(task.task())
                          .setCursor(task.cursor())));
        } else if (one instanceof Gap gap) {
          show(seen -> seen.setGap(gap.message()));
        }
      }
      ended(reader.cursor());
    }
  }

  private void startWorkers(StartWorkersRequest call) {
    OptionalInt count = call.hasCount() ? OptionalInt.of(call.getCount()) : OptionalInt.empty();
    show(seen -> seen.setWorkers(client.startWorkers(count, call.getNodeId())));
  }

  private void shutdown(ShutdownRequest call) {
    Optional<Duration> timeout =
        call.hasTimeout() ? Optional.of(Translation.duration(call.getTimeout())) : Optional.empty();
    dev.millhand.client.Waited answer = client.shutdown(call.getMode(), timeout, call.getNodeId());
    show(seen -> seen.setWaited(Showing.waited(answer)));
  }

  private void raw(Raw call) {
    TaskServiceGrpc.TaskServiceBlockingStub stub = client.stub();
    ByteString answer = RawCall.of(stub, call.getMethod(), call.getRequest());
    show(seen -> seen.setRaw(answer));
  }

  private void shown(Task task) {
    show(seen -> seen.setTask(task));
  }

  private void ended(String cursor) {
    show(seen -> seen.setEnded(Ended.newBuilder().setCursor(cursor)));
  }

  private void show(UnaryOperator<Seen.Builder> what) {
    player.show(step, what);
  }
}
