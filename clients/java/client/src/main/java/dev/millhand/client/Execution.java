package dev.millhand.client;

import dev.millhand.client.errors.MillhandErrors;
import dev.millhand.client.errors.QueueFullException;
import dev.millhand.v1.CancelTaskRequest;
import dev.millhand.v1.ExecuteTaskRequest;
import dev.millhand.v1.ExecuteTaskResponse;
import dev.millhand.v1.OnTimeout;
import dev.millhand.v1.TaskServiceGrpc;
import dev.millhand.v1.TaskSpec;
import dev.millhand.v1.TaskView;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Running a task and waiting for it, across lost connections and full queues: a call that breaks
 * joins the same task again, for as long as that makes sense.
 */
final class Execution extends CompletableFuture<Result> {
  /** How long the last word about an abandoned task may take. */
  private static final Duration ABANDONING = Duration.ofSeconds(2);

  private final Wire wire;
  private final Terms terms;
  private final ExecuteTaskRequest target;
  private final ExecuteOptions options;
  private final Reconnect reconnect;
  private final FullQueue queueing;
  private final long began;
  private final CompletableFuture<ExecuteTaskResponse> attempts;

  private Execution(
      Wire wire, Terms terms, ExecuteTaskRequest.Builder target, ExecuteOptions options) {
    this.wire = wire;
    this.terms = terms;
    this.options = options;
    this.target =
        target
            .setView(options.full() ? TaskView.TASK_VIEW_FULL : TaskView.TASK_VIEW_BASIC)
            .setOnTimeout(
                options.cancelsOnTimeout()
                    ? OnTimeout.ON_TIMEOUT_CANCEL
                    : OnTimeout.ON_TIMEOUT_LEAVE_RUNNING)
            .build();
    this.reconnect = new Reconnect(wire.clock(), terms.patience());
    this.queueing = new FullQueue(wire.clock(), patienceWhenFull());
    this.began = wire.clock().nanoTime();
    this.attempts =
        Attempts.begin(
            this::attempt,
            error ->
                error instanceof QueueFullException
                    ? queueing.delayAfter(error)
                    : reconnect.delayAfter(error),
            wire.clock());
  }

  static CompletableFuture<Result> begin(
      Wire wire, Terms terms, TaskSpec task, ExecuteOptions options) {
    return begin(wire, terms, ExecuteTaskRequest.newBuilder().setTask(task), options);
  }

  static CompletableFuture<Result> begin(
      Wire wire, Terms terms, String taskId, ExecuteOptions options) {
    return begin(wire, terms, ExecuteTaskRequest.newBuilder().setId(taskId), options);
  }

  private static CompletableFuture<Result> begin(
      Wire wire, Terms terms, ExecuteTaskRequest.Builder target, ExecuteOptions options) {
    Execution execution = new Execution(wire, terms, target, options);
    execution.attempts.whenComplete(
        (response, error) -> {
          if (error == null) {
            execution.complete(new Result(response.getResult()));
          } else {
            execution.completeExceptionally(MillhandErrors.of(error));
          }
        });
    return execution;
  }

  @Override
  public boolean cancel(boolean mayInterruptIfRunning) {
    boolean cancelled = super.cancel(mayInterruptIfRunning);
    if (cancelled) {
      attempts.cancel(mayInterruptIfRunning);
      if (options.cancelsWhenAbandoned() && !taskId().isEmpty()) {
        cancelTask();
      }
    }
    return cancelled;
  }

  private CompletableFuture<ExecuteTaskResponse> attempt() {
    Optional<Duration> left = options.timeout().map(this::left);
    ExecuteTaskRequest.Builder request = target.toBuilder();
    left.ifPresent(one -> request.setTimeout(Times.proto(one, "timeout")));
    return wire.call(
        TaskServiceGrpc.getExecuteTaskMethod(),
        request.build(),
        limit(left),
        taskId(),
        reconnect::progressed);
  }

  /** The limit of one call: behind the wait, and within the whole operation's deadline. */
  private Optional<Duration> limit(Optional<Duration> wait) {
    Optional<Duration> whole = terms.deadline().map(this::left);
    Optional<Duration> behind = terms.limit(wait);
    return whole.isPresent() ? whole : behind;
  }

  private Duration left(Duration limit) {
    Duration left = limit.minusNanos(wire.clock().nanoTime() - began);
    return left.isNegative() ? Duration.ZERO : left;
  }

  private Optional<Duration> patienceWhenFull() {
    Optional<Duration> asked = terms.retryWhenFull();
    return asked.isPresent() && options.timeout().isPresent()
        ? asked.map(
            one -> one.compareTo(options.timeout().get()) < 0 ? one : options.timeout().get())
        : asked;
  }

  private String taskId() {
    return target.hasTask() ? target.getTask().getId() : target.getId();
  }

  /** Nobody waits for the answer, nor could anybody be told. */
  private void cancelTask() {
    CancelTaskRequest request =
        CancelTaskRequest.newBuilder()
            .setId(taskId())
            .setReason("the caller has given up waiting")
            .build();
    wire.call(TaskServiceGrpc.getCancelTaskMethod(), request, Optional.of(ABANDONING));
  }
}
