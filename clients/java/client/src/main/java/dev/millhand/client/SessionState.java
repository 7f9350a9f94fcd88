package dev.millhand.client;

import dev.millhand.client.errors.ClientClosedException;
import dev.millhand.client.errors.ClosingException;
import dev.millhand.client.errors.ErrorDetails;
import dev.millhand.client.errors.MillhandErrors;
import dev.millhand.client.errors.MillhandException;
import dev.millhand.v1.EndReason;
import dev.millhand.v1.RegisterMode;
import dev.millhand.v1.SessionCredit;
import dev.millhand.v1.SessionError;
import dev.millhand.v1.SessionGoodbye;
import dev.millhand.v1.SessionHello;
import dev.millhand.v1.SessionRegister;
import dev.millhand.v1.SessionRequest;
import dev.millhand.v1.SessionResponse;
import dev.millhand.v1.SessionResults;
import dev.millhand.v1.SessionSubscribe;
import dev.millhand.v1.TaskSpec;
import io.grpc.Status;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The state of one session, whatever number of streams it takes. Not thread-safe.
 *
 * <p>A broken stream is opened anew under the same session id. Requests without an answer are sent
 * again, which their ids make harmless, and results start from the last one that was read: those
 * that were not are dropped here and given again, so that a reader that is slow across many
 * reconnects still holds one credit's worth.
 */
final class SessionState {
  /** The credit in results that a stream starts with, where no welcome says otherwise. */
  private static final int START_CREDIT = 1000;

  /** How many tasks one request may register. */
  private static final int MAX_BATCH = 1000;

  private final String id;
  private final String clientName;
  private final Map<String, SessionRequest> pending = new LinkedHashMap<>();
  private final ArrayDeque<Unread> unread = new ArrayDeque<>();
  private final Map<String, Unread> unreadProgress = new HashMap<>();

  /** Tasks whose results were read behind the cursor, and would come again after a reconnect. */
  private final Set<String> readBehindCursor = new HashSet<>();

  /**
   * Tasks that others had registered first: ours on a stream only after it has registered them,
   * too.
   */
  private final Map<String, TaskSpec> adopted = new LinkedHashMap<>();

  private String cursor = "";
  private boolean done = false;
  private boolean starved = false;
  private boolean finished = false;
  private long requests = 0;
  private int credit = START_CREDIT;
  private int readSinceGrant = 0;
  private @Nullable SessionSubscribe subscription;

  /** An answer to a request of ours: what it was, or why it was refused. */
  record Answer(
      String requestId, Optional<SessionResponse> response, Optional<MillhandException> error) {}

  /** A record, and where the reader stands once it has taken it; empty in the midst of a frame. */
  private static final class Unread {
    private LogRecord record;
    private String cursor;

    Unread(LogRecord record, String cursor) {
      this.record = record;
      this.cursor = cursor;
    }
  }

  SessionState(String id, String clientName) {
    this.id = id;
    this.clientName = clientName;
  }

  String id() {
    return id;
  }

  /**
   * Everything up to here has been read, frame by frame; empty before the server has named a place.
   */
  String cursor() {
    return cursor;
  }

  /** The server said that nothing more comes. */
  boolean isDone() {
    return done;
  }

  /** The server stopped for want of credit; a new stream brings more. */
  boolean isStarved() {
    return starved;
  }

  boolean isFinished() {
    return finished;
  }

  /** No more requests are to be sent. */
  void finish() {
    finished = true;
  }

  boolean hasUnread() {
    return !unread.isEmpty();
  }

  /** How many requests have no answer yet. */
  int pending() {
    return pending.size();
  }

  /**
   * A request to send now, and again until it is answered.
   *
   * @param kind one without a request id
   */
  SessionRequest request(SessionRequest.Builder kind) {
    if (finished || done) {
      throw new ClientClosedException(
          ErrorDetails.of(
              Status.Code.CANCELLED, "", "the session is finished: it sends nothing more"));
    }
    requests++;
    SessionRequest request = kind.setRequestId(Long.toString(requests)).build();
    pending.put(request.getRequestId(), request);
    return request;
  }

  /**
   * What a new stream starts with: who we are, the subscription as far as read, what is unanswered.
   */
  List<SessionRequest> opening() {
    unread.clear();
    unreadProgress.clear();
    credit = START_CREDIT;
    readSinceGrant = 0;
    starved = false;
    List<SessionRequest> frames = new ArrayList<>();
    SessionHello.Builder hello =
        SessionHello.newBuilder().setClientName(clientName).setSessionId(id);
    frames.add(SessionRequest.newBuilder().setRequestId("hello").setHello(hello).build());
    SessionSubscribe known = subscription;
    if (known != null) {
      SessionSubscribe again =
          cursor.isEmpty() ? known : known.toBuilder().setAfter(cursor).build();
      frames.add(SessionRequest.newBuilder().setRequestId("resume").setSubscribe(again).build());
    }
    frames.addAll(adoptions());
    frames.addAll(pending.values());
    return frames;
  }

  /**
   * Takes one response in; returns the answer to a request, if it is one.
   *
   * @throws ClosingException if the server shuts down, and another connection may go on
   * @throws MillhandException for an error that answers no request: the session cannot go on
   */
  Optional<Answer> receive(SessionResponse response) {
    switch (response.getKindCase()) {
      case WELCOME ->
          credit =
              response.getWelcome().getCredit() > 0
                  ? response.getWelcome().getCredit()
                  : START_CREDIT;
      case RESULTS -> takeResults(response.getResults());
      case PROGRESS -> keepLatest(Progress.of(response.getProgress()));
      case GAP -> takeGap(new Gap(response.getGap()));
      case GOODBYE -> end(response.getGoodbye());
      case ERROR -> {
        return refused(response.getRequestId(), response.getError());
      }
      case REGISTERED, CANCELLED, SUBSCRIBED, UNSUBSCRIBED -> {
        return answered(response);
      }
      case PONG, CREDITED, KIND_NOT_SET -> {
        // Nothing that anybody waits for, or newer than this client.
      }
    }
    return Optional.empty();
  }

  /** The oldest unread record, which counts as read from now on; empty if there is none. */
  Optional<LogRecord> nextRecord() {
    Unread item = unread.poll();
    if (item == null) {
      return Optional.empty();
    }
    if (item.record instanceof Progress progress) {
      unreadProgress.remove(progress.taskId());
    } else if (item.record instanceof Result result) {
      readSinceGrant++;
      readBehindCursor.add(result.task().getId());
      adopted.remove(result.task().getId());
    }
    advance(item.cursor);
    return Optional.of(item.record);
  }

  /** New credit for what was read, once that is half of what the server granted at the start. */
  Optional<SessionRequest> creditDue() {
    if (finished || readSinceGrant * 2 < credit) {
      return Optional.empty();
    }
    SessionCredit more = SessionCredit.newBuilder().setResults(readSinceGrant).build();
    readSinceGrant = 0;
    return Optional.of(SessionRequest.newBuilder().setCredit(more).build());
  }

  private List<SessionRequest> adoptions() {
    List<TaskSpec> specs = List.copyOf(adopted.values());
    List<SessionRequest> again = new ArrayList<>();
    for (int start = 0; start < specs.size(); start += MAX_BATCH) {
      SessionRegister.Builder batch =
          SessionRegister.newBuilder()
              .setMode(RegisterMode.REGISTER_MODE_PER_ITEM)
              .addAllTasks(specs.subList(start, Math.min(specs.size(), start + MAX_BATCH)));
      again.add(SessionRequest.newBuilder().setRequestId("adopt").setRegister(batch).build());
    }
    return again;
  }

  private void takeResults(SessionResults frame) {
    for (dev.millhand.v1.Result result : frame.getResultsList()) {
      if (readBehindCursor.contains(result.getTask().getId())) {
        readSinceGrant++;
      } else {
        unread.add(new Unread(new Result(result), ""));
      }
    }
    move(frame.getCursor());
  }

  private void takeGap(Gap gap) {
    unread.add(new Unread(gap, gap.cursor()));
  }

  /**
   * Replaces an unread progress of the same task: a reader that pauses holds at most one for each.
   */
  private void keepLatest(Progress progress) {
    Unread waiting = unreadProgress.get(progress.taskId());
    if (waiting != null) {
      waiting.record = progress;
      return;
    }
    Unread item = new Unread(progress, "");
    unread.add(item);
    unreadProgress.put(progress.taskId(), item);
  }

  private Optional<Answer> answered(SessionResponse response) {
    SessionRequest request = pending.remove(response.getRequestId());
    if (request == null) {
      // Resuming is answered, too, and must not move a reader that has not read what comes next.
      return Optional.empty();
    }
    switch (response.getKindCase()) {
      case REGISTERED -> adopt(request, response);
      case SUBSCRIBED -> {
        subscription = request.getSubscribe();
        move(response.getSubscribed().getCursor());
      }
      case UNSUBSCRIBED -> subscription = null;
      default -> {
        // Changes nothing here.
      }
    }
    return Optional.of(
        new Answer(response.getRequestId(), Optional.of(response), Optional.empty()));
  }

  private void adopt(SessionRequest request, SessionResponse response) {
    List<TaskSpec> specs = request.getRegister().getTasksList();
    for (int index = 0; index < response.getRegistered().getResultsCount(); index++) {
      dev.millhand.v1.RegisterResult result = response.getRegistered().getResults(index);
      if (result.hasTask() && !result.getTask().getSessionId().equals(id) && index < specs.size()) {
        adopted.put(result.getTask().getId(), specs.get(index));
      }
    }
  }

  private Optional<Answer> refused(String requestId, SessionError refusal) {
    MillhandException error = MillhandErrors.of(refusal.getStatus());
    if (!pending.containsKey(requestId)) {
      throw error;
    }
    if (error instanceof ClosingException) {
      // The goodbye is on its way; the next connection sends the request again.
      return Optional.empty();
    }
    pending.remove(requestId);
    return Optional.of(new Answer(requestId, Optional.empty(), Optional.of(error)));
  }

  /** Moves the reader on, as soon as it has read what came before. */
  private void move(String reached) {
    Unread last = unread.peekLast();
    if (last == null) {
      advance(reached);
    } else if (!reached.isEmpty()) {
      last.cursor = reached;
    }
  }

  private void advance(String reached) {
    if (!reached.isEmpty()) {
      cursor = reached;
      readBehindCursor.clear();
    }
  }

  private void end(SessionGoodbye goodbye) {
    move(goodbye.getCursor());
    EndReason reason = goodbye.getReason();
    if (reason == EndReason.END_REASON_SHUTDOWN) {
      throw Resume.closing("");
    }
    if (reason == EndReason.END_REASON_SLOW_READER) {
      throw Resume.slowReader("the session did not keep up with its results");
    }
    starved = reason == EndReason.END_REASON_CREDIT_SPENT;
    done = !starved;
  }
}
