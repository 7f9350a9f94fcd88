package dev.millhand.client;

import dev.millhand.client.errors.CallCancelledException;
import dev.millhand.client.errors.MillhandErrors;
import dev.millhand.client.errors.MillhandException;
import dev.millhand.client.errors.QueueFullException;
import dev.millhand.client.errors.TaskAlreadyStartedException;
import dev.millhand.client.errors.TaskCancelledException;
import dev.millhand.client.errors.TaskCompletedException;
import dev.millhand.client.errors.TaskDidNotCompleteException;
import dev.millhand.client.errors.TaskNotFoundException;
import dev.millhand.client.errors.UnexpectedOutputException;
import dev.millhand.client.errors.WaitTimedOutException;
import dev.millhand.v1.ExplainTaskResponse;
import dev.millhand.v1.GetCancelledRequest;
import dev.millhand.v1.GetCancelledResponse;
import dev.millhand.v1.GetServerInfoResponse;
import dev.millhand.v1.Handler;
import dev.millhand.v1.ShutdownMode;
import dev.millhand.v1.StartWorkersResponse;
import dev.millhand.v1.StreamResultsRequest;
import dev.millhand.v1.StreamResultsResponse;
import dev.millhand.v1.Task;
import dev.millhand.v1.TaskServiceGrpc;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * A connection to a Millhand server. Thread-safe: make one and share it.
 *
 * <p>It connects when it is first used and again whenever the connection breaks. Every method
 * throws a {@link MillhandException} for what the server refuses or fails to answer. Calls that
 * could not reach the server are tried up to five times, but for {@link #cancelAll}, {@link
 * #cancelAllAndWait} and {@link #shutdown}: every registration has an id or a key, so that a repeat
 * is the same task.
 *
 * <p>An interrupt ends a wait with {@link CallCancelledException}, and leaves the thread's
 * interrupt status set; the task goes on. {@link #async} has the same calls as futures.
 */
public final class MillhandClient implements AutoCloseable {
  private final Wire wire;
  private final Terms terms;
  private final AsyncMillhandClient async;

  MillhandClient(Wire wire, Terms terms) {
    this.wire = wire;
    this.terms = terms;
    this.async = new AsyncMillhandClient(wire, terms);
  }

  /**
   * Returns a client without TLS or token.
   *
   * @param address {@code host:port}
   */
  public static MillhandClient connect(String address) {
    return builder(address).build();
  }

  /**
   * Returns a builder of a client.
   *
   * @param address {@code host:port}, or what else gRPC can resolve
   */
  public static ClientBuilder builder(String address) {
    return new ClientBuilder(address);
  }

  /**
   * Returns a client on the same connection whose calls end within a limit, with all their retries.
   * A reader ends then, too, and can be opened again behind its cursor; of a session it limits each
   * request. Closing either client closes both.
   *
   * @param limit how long from each call on
   */
  public MillhandClient withDeadline(Duration limit) {
    return new MillhandClient(wire, terms.withDeadline(limit));
  }

  /**
   * Returns a client on the same connection that tries again while the queue is full, as often as
   * the server advises. Otherwise {@link QueueFullException} is thrown at once. Of a batch only
   * what was refused is sent again.
   *
   * @param limit for how long
   */
  public MillhandClient withRetryWhenFull(Duration limit) {
    return new MillhandClient(wire, terms.withRetryWhenFull(limit));
  }

  /** Returns this client's calls as futures, on the same connection and terms. */
  public AsyncMillhandClient async() {
    return async;
  }

  /**
   * Returns the generated code on this client's connection and with its token, for what this class
   * does not wrap. {@link MillhandErrors#of(Throwable)} reads what it throws.
   */
  public TaskServiceGrpc.TaskServiceBlockingStub stub() {
    Metadata headers = wire.headers(Ids.newRequestId());
    headers.removeAll(Wire.REQUEST_ID);
    return TaskServiceGrpc.newBlockingStub(wire.channel())
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  /**
   * Runs a task and returns its output, however long that takes.
   *
   * @param task the task
   * @return what the handler returned, as {@link Payloads} says; null if that is nothing
   * @throws TaskDidNotCompleteException if the task ended without an output
   */
  public @Nullable Object execute(NewTask task) {
    return executeTask(task, ExecuteOptions.defaults()).output();
  }

  /**
   * Runs a task and returns its output as a type.
   *
   * @param task the task
   * @param type see {@link Result#output(Class)}
   * @param <T> the type
   * @throws TaskDidNotCompleteException if the task ended without an output
   * @throws UnexpectedOutputException if the output is not of that type
   */
  public <T> T execute(NewTask task, Class<T> type) {
    return executeTask(task, ExecuteOptions.defaults()).output(type);
  }

  /**
   * Runs a task and returns how it ended, which may be without an output. A lost connection is no
   * end: the call joins the same task again.
   *
   * @param task the task
   * @param options how to wait
   * @throws WaitTimedOutException if the wait is over before the task is; the metadata {@code
   *     task_id} names it
   */
  public Result executeTask(NewTask task, ExecuteOptions options) {
    return Futures.join(async.executeTask(task, options));
  }

  /**
   * Runs a registered task now, whatever it waits for, and returns how it ended.
   *
   * @param taskId which one
   * @param options how to wait
   * @throws TaskNotFoundException if there is none
   * @throws TaskAlreadyStartedException if it runs already; {@link #await} waits for it
   * @throws TaskCompletedException if it had ended before
   * @throws TaskCancelledException if it had been cancelled before
   * @throws WaitTimedOutException if the wait is over before the task is
   */
  public Result executeRegistered(String taskId, ExecuteOptions options) {
    return Futures.join(async.executeRegistered(taskId, options));
  }

  /**
   * Registers a task, whose life no longer depends on this client.
   *
   * @param task the task
   * @return the task as it is now, without its payload
   */
  public Task register(NewTask task) {
    return Futures.join(async.register(task));
  }

  /**
   * Registers all of these tasks or none, in one transaction.
   *
   * @param tasks at most 1,000
   * @return one answer for each, in order
   */
  public List<Registered> registerAll(Collection<NewTask> tasks) {
    return Futures.join(async.registerAll(tasks));
  }

  /**
   * Registers each of these tasks for itself: what is refused has an error in its answer.
   *
   * @param tasks at most 1,000
   * @return what became of each, in order
   */
  public List<Registered> registerEach(Collection<NewTask> tasks) {
    return Futures.join(async.registerEach(tasks));
  }

  /**
   * Returns a task, without its payload.
   *
   * @param taskId which one
   * @throws TaskNotFoundException if there is none, or none any more
   */
  public Task get(String taskId) {
    return Futures.join(async.get(taskId));
  }

  /**
   * Returns a task, with its payload.
   *
   * @param taskId which one
   * @throws TaskNotFoundException if there is none, or none any more
   */
  public Task getWithPayload(String taskId) {
    return Futures.join(async.getWithPayload(taskId));
  }

  /**
   * Lists tasks of any status, the oldest first, fetched page by page as they are read.
   *
   * @param filter which tasks
   */
  public TaskListing list(Filter filter) {
    return list(filter, ListOptions.defaults());
  }

  /**
   * Lists tasks of any status, fetched page by page as they are read.
   *
   * @param filter which tasks
   * @param options in which order, and how
   */
  public TaskListing list(Filter filter, ListOptions options) {
    return new TaskListing(token -> Futures.join(async.listPage(filter, options, token)));
  }

  /** Lists the tasks that have a live attempt, the oldest first. */
  public TaskListing active() {
    return new TaskListing(token -> Futures.join(async.activePage(token)));
  }

  /**
   * Says why a task is not running, the most binding reason first; no reasons if it runs or is
   * final.
   *
   * @param taskId which one
   * @throws TaskNotFoundException if there is none
   */
  public ExplainTaskResponse explain(String taskId) {
    return Futures.join(async.explain(taskId));
  }

  /**
   * Cancels a task and says what came of it: SIGNALLED means that running code was asked to stop.
   *
   * @param taskId which one
   * @param reason why, for people; may be empty
   * @throws TaskNotFoundException if there is none
   */
  public CancelAnswer cancel(String taskId, String reason) {
    return Futures.join(async.cancel(taskId, reason));
  }

  /**
   * Cancels a task, and waits for running code to stop.
   *
   * @param taskId which one
   * @param reason why, for people; may be empty
   * @param wait how long to wait; what has not stopped then is SIGNALLED
   * @throws TaskNotFoundException if there is none
   */
  public CancelAnswer cancel(String taskId, String reason, Duration wait) {
    return Futures.join(async.cancel(taskId, reason, wait));
  }

  /**
   * Cancels every matching task that was accepted before this call. Not repeated by itself.
   *
   * @param filter which tasks
   * @param reason why, for people; may be empty
   */
  public CancelledAll cancelAll(Filter filter, String reason) {
    return Futures.join(async.cancelAll(filter, reason));
  }

  /**
   * Cancels as {@link #cancelAll} does, and waits until all have stopped.
   *
   * @param filter which tasks
   * @param reason why, for people; may be empty
   * @param timeout how long to wait; the answer names what still runs then
   */
  public CancelledAll cancelAllAndWait(Filter filter, String reason, Duration timeout) {
    return Futures.join(async.cancelAllAndWait(filter, reason, Optional.of(timeout)));
  }

  /**
   * Waits until no matching task is unfinished, as long as it takes.
   *
   * @param filter which tasks
   */
  public Waited await(Filter filter) {
    return Futures.join(async.await(filter, Optional.empty()));
  }

  /**
   * Waits until no matching task is unfinished, or the time is over, which is no error.
   *
   * @param filter which tasks
   * @param timeout how long; zero looks once
   */
  public Waited await(Filter filter, Duration timeout) {
    return Futures.join(async.await(filter, Optional.of(timeout)));
  }

  /**
   * Reads results as tasks end, each once, across lost connections and restarts of the server.
   * Returns once the server has named the place in the log.
   *
   * @param options from where, how far and of which tasks
   */
  public LogReader<LogRecord> results(ReadOptions options) {
    StreamResultsRequest request =
        StreamResultsRequest.newBuilder()
            .setFilter(options.filter.message())
            .setFollow(options.follow)
            .setCloseOnCompletion(options.untilDone)
            .setIncludeProgress(options.progress)
            .setView(AsyncMillhandClient.view(options.full))
            .build();
    return LogReader.begin(
        wire,
        terms,
        new Resume<>(options.after, options.outlivesShutdown, options.onGap),
        TaskServiceGrpc.getStreamResultsMethod(),
        after -> request.toBuilder().setAfter(after).build(),
        MillhandClient::frame);
  }

  /**
   * Reads tasks as they become CANCELLED, as {@link #results} does.
   *
   * @param options from where and how far; a filter, progress and payloads are not for these
   */
  public LogReader<CancelledRecord> cancelled(ReadOptions options) {
    GetCancelledRequest request =
        GetCancelledRequest.newBuilder().setFollow(options.follow).build();
    return LogReader.begin(
        wire,
        terms,
        new Resume<>(options.after, options.outlivesShutdown, options.onGap),
        TaskServiceGrpc.getGetCancelledMethod(),
        after -> request.toBuilder().setAfter(after).build(),
        MillhandClient::frame);
  }

  /**
   * Reads one page of the log, without waiting. Reading takes nothing away.
   *
   * @param filter whose results
   * @param after the cursor to go on behind; empty or {@code "0"} for the oldest retained
   * @param pageSize at most so many, and 1,000; 0 leaves it to the server
   * @param full whether the results' tasks have their payload
   */
  public ResultsPage resultsPage(Filter filter, String after, int pageSize, boolean full) {
    return Futures.join(async.resultsPage(filter, after, pageSize, full));
  }

  /** Opens a session of a new name. */
  public Session session() {
    return session(Ids.newId());
  }

  /**
   * Opens a session.
   *
   * @param id its name, at most 256 bytes: that of an earlier session goes on with its tasks
   */
  public Session session(String id) {
    return Session.open(wire, terms, id.isEmpty() ? Ids.newId() : id);
  }

  /** Returns every handler that can be called, by name. */
  public List<Handler> handlers() {
    return Futures.join(async.handlers());
  }

  /** Returns which server answers, with its limits and capabilities. */
  public GetServerInfoResponse info() {
    return Futures.join(async.info());
  }

  /**
   * Sets the number of a node's workers while it runs.
   *
   * @param count how many; 0 drains all, empty is the configured number
   * @param nodeId which node; empty is the one that answers
   */
  public StartWorkersResponse startWorkers(OptionalInt count, String nodeId) {
    return Futures.join(async.startWorkers(count, nodeId));
  }

  /**
   * Stops a node. Not repeated by itself.
   *
   * @param mode how
   * @param timeout how long running tasks may take to finish; empty is the server's own
   * @param nodeId which node; empty is the one that answers
   * @return how many tasks were not final at the end; done if there were none
   */
  public Waited shutdown(ShutdownMode mode, Optional<Duration> timeout, String nodeId) {
    return Futures.join(async.shutdown(mode, timeout, nodeId));
  }

  /** Cancels what is under way and closes the connection. The server's tasks are not touched. */
  @Override
  public void close() {
    wire.close();
  }

  private static Resume.Frame<LogRecord> frame(StreamResultsResponse response) {
    Optional<Gap> gap =
        response.hasGap() ? Optional.of(new Gap(response.getGap())) : Optional.empty();
    Optional<LogRecord> record =
        switch (response.getKindCase()) {
          case RESULT -> Optional.of(new Result(response.getResult()));
          case PROGRESS -> Optional.of(Progress.of(response.getProgress()));
          default -> gap.map(one -> one);
        };
    return new Resume.Frame<>(
        record,
        gap,
        response.hasEnd() ? Optional.of(response.getEnd()) : Optional.empty(),
        response.getCursor());
  }

  private static Resume.Frame<CancelledRecord> frame(GetCancelledResponse response) {
    Optional<Gap> gap =
        response.hasGap() ? Optional.of(new Gap(response.getGap())) : Optional.empty();
    Optional<CancelledRecord> record =
        response.hasTask()
            ? Optional.of(new CancelledTask(response.getTask(), response.getCursor()))
            : gap.map(one -> one);
    return new Resume.Frame<>(
        record,
        gap,
        response.hasEnd() ? Optional.of(response.getEnd()) : Optional.empty(),
        response.getCursor());
  }
}
