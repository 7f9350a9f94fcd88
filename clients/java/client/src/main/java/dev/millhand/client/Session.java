package dev.millhand.client;

import dev.millhand.client.errors.MillhandException;
import dev.millhand.v1.RegisterMode;
import dev.millhand.v1.SessionCancel;
import dev.millhand.v1.SessionRegister;
import dev.millhand.v1.SessionRequest;
import dev.millhand.v1.SessionResponse;
import dev.millhand.v1.SessionUnsubscribe;
import dev.millhand.v1.Task;
import dev.millhand.v1.TaskSpec;
import java.time.Duration;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;

/**
 * Registrations, cancels and results over one stream, which reconnects by itself. Thread-safe, but
 * for the iterator of {@link #results}.
 *
 * <p>Results come for what was subscribed to, each once. New credit goes out as they are read, so
 * that an unread session holds about a thousand results and no more. A request that gets no answer
 * within the client's call timeout throws DeadlineExceededException; what was asked may still
 * happen, and asking the same again is safe. The tasks live on, whatever becomes of the session.
 */
public final class Session implements AutoCloseable {
  private final LiveSession live;
  private final Terms terms;
  private final Clock clock;

  private Session(LiveSession live, Terms terms, Clock clock) {
    this.live = live;
    this.terms = terms;
    this.clock = clock;
  }

  static Session open(Wire wire, Terms terms, String id) {
    LiveSession live = new LiveSession(wire, terms, id);
    live.begin();
    return new Session(live, terms, wire.clock());
  }

  /** Returns what the server labels this session's tasks with: keep it to resume. */
  public String id() {
    return live.id();
  }

  /**
   * Returns the cursor up to which everything has been read, frame by frame; empty before the
   * server has named a place.
   */
  public String cursor() {
    return live.cursor();
  }

  /**
   * Registers one task and waits for the answer.
   *
   * @return the task as it is now, without its payload
   * @throws MillhandException if the server refuses it
   */
  public Task register(NewTask task) {
    return registerEach(List.of(task)).get(0).orThrow();
  }

  /**
   * Registers all of these tasks or none, and waits for the answer.
   *
   * @return one answer for each, in order
   * @throws MillhandException if the server refuses one of them
   */
  public List<Registered> registerAll(Collection<NewTask> tasks) {
    return answer(registered(tasks, RegisterMode.REGISTER_MODE_ATOMIC));
  }

  /**
   * Registers each of these tasks for itself, and waits for the answer.
   *
   * @return what became of each, in order
   */
  public List<Registered> registerEach(Collection<NewTask> tasks) {
    return answer(registered(tasks, RegisterMode.REGISTER_MODE_PER_ITEM));
  }

  /**
   * As {@link #registerAll}, without waiting for the answer: any number of batches may be under
   * way. Waits only while 64 requests have no answer.
   */
  public CompletableFuture<List<Registered>> registerAllAsync(Collection<NewTask> tasks) {
    return registered(tasks, RegisterMode.REGISTER_MODE_ATOMIC);
  }

  /** As {@link #registerEach}, and {@link #registerAllAsync}. */
  public CompletableFuture<List<Registered>> registerEachAsync(Collection<NewTask> tasks) {
    return registered(tasks, RegisterMode.REGISTER_MODE_PER_ITEM);
  }

  /**
   * Asks for tasks to be cancelled, and waits for the answer, not for the tasks.
   *
   * @param ids the tasks
   * @param reason why, for people; may be empty
   * @return what became of each, in order
   */
  public List<CancelResult> cancel(Collection<String> ids, String reason) {
    SessionCancel cancel = SessionCancel.newBuilder().addAllIds(ids).setReason(reason).build();
    return answer(
        ask(
            SessionRequest.newBuilder().setCancel(cancel),
            response ->
                response.getCancelled().getResultsList().stream().map(CancelResult::of).toList()));
  }

  /**
   * Starts the results. A second subscription replaces the first, whose unread results may be lost.
   *
   * @return the cursor that the results start behind
   */
  public String subscribe(SubscribeOptions options) {
    return answer(
        ask(
            SessionRequest.newBuilder().setSubscribe(options.message()),
            response -> response.getSubscribed().getCursor()));
  }

  /**
   * Stops the results; those that came can still be read.
   *
   * @return the cursor up to which they came; empty if there was no subscription
   */
  public String unsubscribe() {
    return answer(
        ask(
            SessionRequest.newBuilder().setUnsubscribe(SessionUnsubscribe.getDefaultInstance()),
            response -> response.getUnsubscribed().getCursor()));
  }

  /**
   * Returns the subscription's records as they come: {@link Gap} and {@link Progress} are among
   * them. All iterators read from the same records, each of which is given once. They end when the
   * session has: after {@link #finish}, once the server has delivered everything. They throw
   * MillhandException if the session broke for good, behind what had been received before.
   */
  public Iterable<LogRecord> results() {
    return () -> new Records(live);
  }

  /**
   * Says that nothing more will be sent. {@link #results} then ends once this session's tasks are
   * done; without a subscription, at once.
   */
  public void finish() {
    live.finish();
  }

  /**
   * Ends the session: waits until every request has its answer, no longer than the client's call
   * timeout, and hangs up. Results that were not read stay in the log.
   */
  @Override
  public void close() {
    try {
      live.finish();
      live.awaitAnswers(terms.callTimeout());
    } finally {
      live.cancel();
    }
  }

  private CompletableFuture<List<Registered>> registered(
      Collection<NewTask> tasks, RegisterMode mode) {
    List<TaskSpec> specs = tasks.stream().map(NewTask::spec).toList();
    return Registration.begin(batch -> send(batch, mode), specs, terms.retryWhenFull(), clock);
  }

  private CompletableFuture<List<Registered>> send(List<TaskSpec> batch, RegisterMode mode) {
    SessionRegister register =
        SessionRegister.newBuilder().addAllTasks(batch).setMode(mode).build();
    return ask(
        SessionRequest.newBuilder().setRegister(register),
        response ->
            response.getRegistered().getResultsList().stream().map(Registered::of).toList());
  }

  private <T> CompletableFuture<T> ask(
      SessionRequest.Builder kind, Function<SessionResponse, T> reading) {
    return Futures.map(live.send(kind, terms.limit()), reading);
  }

  private <T> T answer(CompletableFuture<T> future) {
    Optional<Duration> limit = terms.limit().map(one -> one.plus(retrying()));
    if (limit.isEmpty()) {
      return Futures.join(future);
    }
    try {
      future.get(limit.get().toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException late) {
      throw LiveSession.late("the session got no answer in time; what was asked may still happen");
    } catch (InterruptedException interrupt) {
      throw Futures.interrupted(interrupt);
    } catch (ExecutionException refusal) {
      return Futures.join(future);
    }
    return Futures.join(future);
  }

  private Duration retrying() {
    return terms.retryWhenFull().orElse(Duration.ZERO);
  }

  private static final class Records implements Iterator<LogRecord> {
    private final LiveSession live;
    private Optional<LogRecord> ahead = Optional.empty();

    Records(LiveSession live) {
      this.live = live;
    }

    @Override
    public boolean hasNext() {
      if (ahead.isEmpty()) {
        ahead = live.nextRecord();
      }
      return ahead.isPresent();
    }

    @Override
    public LogRecord next() {
      if (!hasNext()) {
        throw new NoSuchElementException("the end of the session");
      }
      LogRecord record = ahead.orElseThrow();
      ahead = Optional.empty();
      return record;
    }
  }
}
