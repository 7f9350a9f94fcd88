package dev.millhand.conformance;

import com.google.protobuf.Duration;
import dev.millhand.client.CancelAnswer;
import dev.millhand.client.CancelResult;
import dev.millhand.client.Registered;
import dev.millhand.client.errors.MillhandException;
import dev.millhand.client.errors.TaskDidNotCompleteException;
import dev.millhand.conformance.v1.CancelledAll;
import dev.millhand.conformance.v1.Failure;
import dev.millhand.conformance.v1.Result;
import dev.millhand.conformance.v1.Violation;
import dev.millhand.conformance.v1.Waited;
import dev.millhand.v1.CancelCount;
import dev.millhand.v1.CancelOutcome;
import dev.millhand.v1.Progress;
import dev.millhand.v1.ProgressUpdate;
import dev.millhand.v1.StatusCount;
import dev.millhand.v1.TaskStatus;
import io.grpc.Status;
import java.time.Instant;

/** What the client gave, as the runner is told of it. */
final class Showing {
  private Showing() {}

  static Failure failure(InterruptedException cancelled) {
    return Failure.newBuilder()
        .setType(cancelled.getClass().getSimpleName())
        .setCode(Status.Code.CANCELLED.value())
        .build();
  }

  static Failure failure(RuntimeException error) {
    Failure.Builder shown = Failure.newBuilder().setType(error.getClass().getSimpleName());
    if (!(error instanceof MillhandException refusal)) {
      return shown
          .setCode(Status.Code.UNKNOWN.value())
          .setMessage(String.valueOf(error.getMessage()))
          .build();
    }
    shown
        .setCode(refusal.code().value())
        .setReason(refusal.reason())
        .setMessage(refusal.description())
        .putAllMetadata(refusal.metadata());
    refusal
        .violations()
        .forEach(
            one ->
                shown.addViolations(
                    Violation.newBuilder()
                        .setField(one.field())
                        .setDescription(one.description())));
    refusal
        .retryAfter()
        .ifPresent(
            one ->
                shown.setRetryAfter(
                    Duration.newBuilder().setSeconds(one.getSeconds()).setNanos(one.getNano())));
    if (refusal instanceof TaskDidNotCompleteException end) {
      end.task().ifPresent(shown::setTask);
    }
    return shown.build();
  }

  static Result result(dev.millhand.client.Result one, boolean brief) {
    Result.Builder shown = Result.newBuilder().setTask(one.task()).setCursor(one.cursor());
    if (one.error().isPresent()) {
      shown.setFailure(failure(one.error().get()));
    } else if (!brief && one.message().hasOutput()) {
      shown.setOutput(Translation.value(one.output()));
    }
    return shown.build();
  }

  static dev.millhand.conformance.v1.Registered registered(Registered one) {
    dev.millhand.conformance.v1.Registered.Builder shown =
        dev.millhand.conformance.v1.Registered.newBuilder().setCreated(one.created());
    one.task().ifPresent(shown::setTask);
    one.error().ifPresent(error -> shown.setFailure(failure(error)));
    return shown.build();
  }

  static ProgressUpdate progress(dev.millhand.client.Progress one) {
    Instant moment = one.updateTime();
    return ProgressUpdate.newBuilder()
        .setTaskId(one.taskId())
        .setAttempt(one.attempt())
        .setProgress(
            Progress.newBuilder()
                .setFraction(one.fraction())
                .setMessage(one.message())
                .setUpdateTime(
                    com.google.protobuf.Timestamp.newBuilder()
                        .setSeconds(moment.getEpochSecond())
                        .setNanos(moment.getNano())))
        .build();
  }

  static dev.millhand.conformance.v1.CancelAnswer cancel(String id, CancelAnswer answer) {
    return dev.millhand.conformance.v1.CancelAnswer.newBuilder()
        .setId(id)
        .setOutcome(known(answer.outcome()))
        .setTask(answer.task())
        .build();
  }

  static dev.millhand.conformance.v1.CancelAnswer cancel(CancelResult one) {
    dev.millhand.conformance.v1.CancelAnswer.Builder shown =
        dev.millhand.conformance.v1.CancelAnswer.newBuilder()
            .setId(one.id())
            .setOutcome(known(one.outcome()));
    one.error().ifPresent(error -> shown.setFailure(failure(error)));
    return shown.build();
  }

  static CancelledAll cancelledAll(dev.millhand.client.CancelledAll answer) {
    CancelledAll.Builder shown =
        CancelledAll.newBuilder().addAllStillRunningIds(answer.stillRunningIds());
    answer
        .counts()
        .forEach(
            (outcome, count) ->
                shown.addCounts(
                    CancelCount.newBuilder().setOutcome(known(outcome)).setCount(count)));
    return shown.build();
  }

  static Waited waited(dev.millhand.client.Waited answer) {
    Waited.Builder shown = Waited.newBuilder().setDone(answer.done());
    answer
        .counts()
        .forEach(
            (status, count) ->
                shown.addCounts(StatusCount.newBuilder().setStatus(known(status)).setCount(count)));
    return shown.build();
  }

  /** Java's enums are closed: what is newer than the client cannot be told by its number. */
  private static CancelOutcome known(CancelOutcome outcome) {
    return outcome == CancelOutcome.UNRECOGNIZED
        ? CancelOutcome.CANCEL_OUTCOME_UNSPECIFIED
        : outcome;
  }

  private static TaskStatus known(TaskStatus status) {
    return status == TaskStatus.UNRECOGNIZED ? TaskStatus.TASK_STATUS_UNSPECIFIED : status;
  }
}
