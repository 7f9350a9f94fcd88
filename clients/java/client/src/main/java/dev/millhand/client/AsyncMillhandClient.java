package dev.millhand.client;

import dev.millhand.client.errors.MillhandException;
import dev.millhand.v1.CancelAllAndWaitRequest;
import dev.millhand.v1.CancelAllRequest;
import dev.millhand.v1.CancelTaskRequest;
import dev.millhand.v1.ExplainTaskRequest;
import dev.millhand.v1.ExplainTaskResponse;
import dev.millhand.v1.GetActiveTasksRequest;
import dev.millhand.v1.GetResultsRequest;
import dev.millhand.v1.GetServerInfoRequest;
import dev.millhand.v1.GetServerInfoResponse;
import dev.millhand.v1.GetTaskRequest;
import dev.millhand.v1.GetTaskResponse;
import dev.millhand.v1.GetTasksRequest;
import dev.millhand.v1.Handler;
import dev.millhand.v1.ListHandlersRequest;
import dev.millhand.v1.ListHandlersResponse;
import dev.millhand.v1.RegisterMode;
import dev.millhand.v1.RegisterTaskRequest;
import dev.millhand.v1.RegisterTaskResponse;
import dev.millhand.v1.RegisterTasksRequest;
import dev.millhand.v1.ShutdownMode;
import dev.millhand.v1.ShutdownRequest;
import dev.millhand.v1.StartWorkersRequest;
import dev.millhand.v1.StartWorkersResponse;
import dev.millhand.v1.Task;
import dev.millhand.v1.TaskServiceGrpc;
import dev.millhand.v1.TaskSpec;
import dev.millhand.v1.TaskView;
import dev.millhand.v1.WaitRequest;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The calls of {@link MillhandClient} as futures: see there for what each does. It shares the
 * client's connection. Thread-safe.
 *
 * <p>A future fails with a {@link MillhandException}. Cancelling it cancels the call, and never the
 * task, unless {@link ExecuteOptions#cancelWhenAbandoned} asks for that. What depends on a future
 * runs in gRPC's threads and must not block them.
 */
public final class AsyncMillhandClient {
  private final Wire wire;
  private final Terms terms;

  AsyncMillhandClient(Wire wire, Terms terms) {
    this.wire = wire;
    this.terms = terms;
  }

  /** See {@link MillhandClient#execute(NewTask)}. The future's value may be null. */
  public CompletableFuture<@Nullable Object> execute(NewTask task) {
    return Futures.map(executeTask(task, ExecuteOptions.defaults()), Result::output);
  }

  /** See {@link MillhandClient#executeTask(NewTask, ExecuteOptions)}. */
  public CompletableFuture<Result> executeTask(NewTask task, ExecuteOptions options) {
    return Execution.begin(wire, terms, task.spec(), options);
  }

  /** See {@link MillhandClient#executeRegistered(String, ExecuteOptions)}. */
  public CompletableFuture<Result> executeRegistered(String taskId, ExecuteOptions options) {
    return Execution.begin(wire, terms, taskId, options);
  }

  /** See {@link MillhandClient#register(NewTask)}. */
  public CompletableFuture<Task> register(NewTask task) {
    RegisterTaskRequest request = RegisterTaskRequest.newBuilder().setTask(task.spec()).build();
    FullQueue patience = new FullQueue(wire.clock(), terms.retryWhenFull());
    return Attempts.begin(
        () ->
            Futures.map(
                wire.call(TaskServiceGrpc.getRegisterTaskMethod(), request, terms.limit()),
                RegisterTaskResponse::getTask),
        patience,
        wire.clock());
  }

  /** See {@link MillhandClient#registerAll}. */
  public CompletableFuture<List<Registered>> registerAll(Collection<NewTask> tasks) {
    return register(tasks, RegisterMode.REGISTER_MODE_ATOMIC);
  }

  /** See {@link MillhandClient#registerEach}. */
  public CompletableFuture<List<Registered>> registerEach(Collection<NewTask> tasks) {
    return register(tasks, RegisterMode.REGISTER_MODE_PER_ITEM);
  }

  /** See {@link MillhandClient#get(String)}. */
  public CompletableFuture<Task> get(String taskId) {
    return get(taskId, TaskView.TASK_VIEW_BASIC);
  }

  /** See {@link MillhandClient#getWithPayload}. */
  public CompletableFuture<Task> getWithPayload(String taskId) {
    return get(taskId, TaskView.TASK_VIEW_FULL);
  }

  /**
   * Lists one page of tasks.
   *
   * @param filter which tasks
   * @param options how
   * @param token the page before says it; empty for the first page
   */
  public CompletableFuture<TaskPage> listPage(Filter filter, ListOptions options, String token) {
    GetTasksRequest request =
        GetTasksRequest.newBuilder()
            .setFilter(filter.message())
            .setOrderBy(options.orderBy())
            .setPageSize(options.pageSize())
            .setView(view(options.full()))
            .setPageToken(token)
            .build();
    return Futures.map(
        wire.call(TaskServiceGrpc.getGetTasksMethod(), request, terms.limit()),
        response -> new TaskPage(response.getTasksList(), response.getNextPageToken()));
  }

  /**
   * Lists one page of the tasks that have a live attempt.
   *
   * @param token the page before says it; empty for the first page
   */
  public CompletableFuture<TaskPage> activePage(String token) {
    GetActiveTasksRequest request = GetActiveTasksRequest.newBuilder().setPageToken(token).build();
    return Futures.map(
        wire.call(TaskServiceGrpc.getGetActiveTasksMethod(), request, terms.limit()),
        response -> new TaskPage(response.getTasksList(), response.getNextPageToken()));
  }

  /** See {@link MillhandClient#explain}. */
  public CompletableFuture<ExplainTaskResponse> explain(String taskId) {
    ExplainTaskRequest request = ExplainTaskRequest.newBuilder().setId(taskId).build();
    return wire.call(TaskServiceGrpc.getExplainTaskMethod(), request, terms.limit());
  }

  /** See {@link MillhandClient#cancel(String, String)}. */
  public CompletableFuture<CancelAnswer> cancel(String taskId, String reason) {
    return cancel(
        CancelTaskRequest.newBuilder().setId(taskId).setReason(reason).build(), Duration.ZERO);
  }

  /** See {@link MillhandClient#cancel(String, String, Duration)}. */
  public CompletableFuture<CancelAnswer> cancel(String taskId, String reason, Duration wait) {
    return cancel(
        CancelTaskRequest.newBuilder()
            .setId(taskId)
            .setReason(reason)
            .setWait(Times.proto(wait, "wait"))
            .build(),
        wait);
  }

  /** See {@link MillhandClient#cancelAll}. */
  public CompletableFuture<CancelledAll> cancelAll(Filter filter, String reason) {
    CancelAllRequest request =
        CancelAllRequest.newBuilder().setFilter(filter.message()).setReason(reason).build();
    // Not tried again: that would also hit what was accepted in between.
    return Futures.map(
        wire.callOnce(TaskServiceGrpc.getCancelAllMethod(), request, terms.limit()),
        response -> CancelledAll.of(response.getCountsList(), List.of()));
  }

  /** See {@link MillhandClient#cancelAllAndWait(Filter, String, Duration)}. */
  public CompletableFuture<CancelledAll> cancelAllAndWait(
      Filter filter, String reason, Optional<Duration> timeout) {
    CancelAllAndWaitRequest.Builder request =
        CancelAllAndWaitRequest.newBuilder().setFilter(filter.message()).setReason(reason);
    timeout.ifPresent(one -> request.setTimeout(Times.proto(one, "timeout")));
    return Futures.map(
        wire.callOnce(
            TaskServiceGrpc.getCancelAllAndWaitMethod(), request.build(), terms.limit(timeout)),
        response -> CancelledAll.of(response.getCountsList(), response.getStillRunningIdsList()));
  }

  /** See {@link MillhandClient#await(Filter, Duration)}; without a timeout, as long as it takes. */
  public CompletableFuture<Waited> await(Filter filter, Optional<Duration> timeout) {
    WaitRequest.Builder request = WaitRequest.newBuilder().setFilter(filter.message());
    timeout.ifPresent(one -> request.setTimeout(Times.proto(one, "timeout")));
    return Futures.map(
        wire.call(TaskServiceGrpc.getWaitMethod(), request.build(), terms.limit(timeout)),
        response -> Waited.of(response.getDone(), response.getCountsList()));
  }

  /** See {@link MillhandClient#resultsPage}. */
  public CompletableFuture<ResultsPage> resultsPage(
      Filter filter, String after, int pageSize, boolean full) {
    GetResultsRequest request =
        GetResultsRequest.newBuilder()
            .setFilter(filter.message())
            .setAfter(after)
            .setPageSize(pageSize)
            .setView(view(full))
            .build();
    return Futures.map(
        wire.call(TaskServiceGrpc.getGetResultsMethod(), request, terms.limit()), ResultsPage::of);
  }

  /** See {@link MillhandClient#handlers}. */
  public CompletableFuture<List<Handler>> handlers() {
    return Futures.map(
        wire.call(
            TaskServiceGrpc.getListHandlersMethod(),
            ListHandlersRequest.getDefaultInstance(),
            terms.limit()),
        ListHandlersResponse::getHandlersList);
  }

  /** See {@link MillhandClient#info}. */
  public CompletableFuture<GetServerInfoResponse> info() {
    return wire.call(
        TaskServiceGrpc.getGetServerInfoMethod(),
        GetServerInfoRequest.getDefaultInstance(),
        terms.limit());
  }

  /** See {@link MillhandClient#startWorkers(OptionalInt, String)}. */
  public CompletableFuture<StartWorkersResponse> startWorkers(OptionalInt count, String nodeId) {
    StartWorkersRequest.Builder request = StartWorkersRequest.newBuilder().setNodeId(nodeId);
    count.ifPresent(request::setCount);
    return wire.call(TaskServiceGrpc.getStartWorkersMethod(), request.build(), terms.limit());
  }

  /** See {@link MillhandClient#shutdown(ShutdownMode, Optional, String)}. */
  public CompletableFuture<Waited> shutdown(
      ShutdownMode mode, Optional<Duration> timeout, String nodeId) {
    ShutdownRequest.Builder request = ShutdownRequest.newBuilder().setMode(mode).setNodeId(nodeId);
    timeout.ifPresent(one -> request.setTimeout(Times.proto(one, "timeout")));
    // Not tried again: that would stop the server that was started after it. A drain of the
    // server's
    // own choosing has no end that is known here.
    return Futures.map(
        wire.callOnce(TaskServiceGrpc.getShutdownMethod(), request.build(), terms.limit(timeout)),
        response ->
            Waited.of(
                response.getCountsList().stream().allMatch(one -> one.getCount() == 0),
                response.getCountsList()));
  }

  private CompletableFuture<List<Registered>> register(
      Collection<NewTask> tasks, RegisterMode mode) {
    List<TaskSpec> specs = tasks.stream().map(NewTask::spec).toList();
    return Registration.begin(
        batch -> send(batch, mode), specs, terms.retryWhenFull(), wire.clock());
  }

  private CompletableFuture<List<Registered>> send(List<TaskSpec> batch, RegisterMode mode) {
    RegisterTasksRequest request =
        RegisterTasksRequest.newBuilder().addAllTasks(batch).setMode(mode).build();
    return Futures.map(
        wire.call(TaskServiceGrpc.getRegisterTasksMethod(), request, terms.limit()),
        response -> response.getResultsList().stream().map(Registered::of).toList());
  }

  private CompletableFuture<Task> get(String taskId, TaskView view) {
    GetTaskRequest request = GetTaskRequest.newBuilder().setId(taskId).setView(view).build();
    return Futures.map(
        wire.call(TaskServiceGrpc.getGetTaskMethod(), request, terms.limit()),
        GetTaskResponse::getTask);
  }

  private CompletableFuture<CancelAnswer> cancel(CancelTaskRequest request, Duration wait) {
    return Futures.map(
        wire.call(TaskServiceGrpc.getCancelTaskMethod(), request, terms.limit(Optional.of(wait))),
        response -> new CancelAnswer(response.getOutcome(), response.getTask()));
  }

  static TaskView view(boolean full) {
    return full ? TaskView.TASK_VIEW_FULL : TaskView.TASK_VIEW_BASIC;
  }
}
