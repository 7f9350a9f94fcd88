package dev.millhand.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Any;
import com.google.rpc.BadRequest;
import com.google.rpc.Code;
import com.google.rpc.ErrorInfo;
import dev.millhand.client.errors.FailedPreconditionException;
import dev.millhand.client.errors.HandlerFailedException;
import dev.millhand.client.errors.MillhandErrors;
import dev.millhand.client.errors.MillhandException;
import dev.millhand.client.errors.QueueFullException;
import dev.millhand.client.errors.TaskCancelledException;
import dev.millhand.client.errors.TaskDidNotCompleteException;
import dev.millhand.client.errors.TaskFailedException;
import dev.millhand.client.errors.TaskTimedOutException;
import dev.millhand.client.errors.UnavailableException;
import dev.millhand.client.errors.Violation;
import dev.millhand.v1.ErrorReason;
import dev.millhand.v1.Result;
import dev.millhand.v1.Task;
import dev.millhand.v1.TaskStatus;
import io.grpc.Metadata;
import io.grpc.Status;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ErrorsTest {
  static Stream<String> reasons() {
    return Arrays.stream(ErrorReason.values())
        .filter(one -> one != ErrorReason.UNRECOGNIZED)
        .filter(one -> one != ErrorReason.ERROR_REASON_UNSPECIFIED)
        .map(one -> one.name().substring("ERROR_REASON_".length()));
  }

  @ParameterizedTest
  @MethodSource("reasons")
  void everyReasonHasAClassOfItsOwn(String reason) {
    // UNKNOWN is a code that no class stands for: only the reason can have chosen one.
    MillhandException error = MillhandErrors.of(FakeServer.refusal(Code.UNKNOWN, reason));

    assertNotEquals(MillhandException.class, error.getClass());
    assertEquals(reason, error.reason());
  }

  @Test
  void aRefusalTellsItsDetails() {
    BadRequest wrong =
        BadRequest.newBuilder()
            .addFieldViolations(
                BadRequest.FieldViolation.newBuilder().setField("task.x").setDescription("is bad"))
            .build();

    MillhandException error =
        MillhandErrors.of(
            FakeServer.refusal(
                Code.RESOURCE_EXHAUSTED, "QUEUE_FULL", FakeServer.retryIn(3), Any.pack(wrong)));

    assertInstanceOf(QueueFullException.class, error);
    assertEquals(Status.Code.RESOURCE_EXHAUSTED, error.code());
    assertEquals(Map.of("task_id", "a"), error.metadata());
    assertEquals(Optional.of(Duration.ofSeconds(3)), error.retryAfter());
    assertEquals(List.of(new Violation("task.x", "is bad")), error.violations());
    assertEquals("as the test says", error.description());
    assertEquals("QUEUE_FULL: as the test says; task.x: is bad", error.getMessage());
  }

  @Test
  void aReasonNewerThanTheClientGoesByItsCode() {
    MillhandException error =
        MillhandErrors.of(FakeServer.refusal(Code.FAILED_PRECONDITION, "MOON_IS_FULL"));

    assertInstanceOf(FailedPreconditionException.class, error);
    assertEquals("MOON_IS_FULL", error.reason());
  }

  @Test
  void theTransportsRefusalHasNoReason() {
    MillhandException error = MillhandErrors.of(FakeServer.unavailable());

    assertInstanceOf(UnavailableException.class, error);
    assertEquals("", error.reason());
    assertEquals("nobody is there", error.description());
  }

  @Test
  void mangledDetailsDoNotHideTheCode() {
    Metadata trailers = new Metadata();
    trailers.put(
        Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER),
        new byte[] {1, 2, 3});

    MillhandException error = MillhandErrors.of(Status.NOT_FOUND.asRuntimeException(trailers));

    assertEquals(Status.Code.NOT_FOUND, error.code());
  }

  @Test
  void whatIsAnErrorOfOursStaysIt() {
    MillhandException error = MillhandErrors.of(FakeServer.unavailable());

    assertSame(error, MillhandErrors.of(new RuntimeException(error)));
    assertEquals(Status.Code.UNKNOWN, MillhandErrors.of(new IllegalStateException()).code());
  }

  @Test
  void aResultWithoutOutputSaysWhy() {
    assertInstanceOf(
        HandlerFailedException.class,
        error(TaskStatus.TASK_STATUS_FAILED, "millhand.v1", "HANDLER_FAILED"));
    assertInstanceOf(
        TaskCancelledException.class,
        error(TaskStatus.TASK_STATUS_CANCELLED, "millhand.v1", "TASK_CANCELLED"));
    assertInstanceOf(
        TaskTimedOutException.class,
        error(TaskStatus.TASK_STATUS_CONTEXT_DEADLINE_REACHED, "millhand.v1", "TASK_TIMEOUT"));
    assertTrue(MillhandErrors.of(result(TaskStatus.TASK_STATUS_COMPLETED, "", "")).isEmpty());
  }

  @Test
  void aHandlersOwnReasonCannotPassForOneOfOurs() {
    TaskDidNotCompleteException error =
        error(TaskStatus.TASK_STATUS_FAILED, "handler", "WORKER_LOST");

    assertEquals(TaskFailedException.class, error.getClass());
    assertEquals("WORKER_LOST", error.reason());
    assertEquals("a", error.task().orElseThrow().getId());
    assertEquals("a", error.metadata().get("task_id"));
  }

  private static TaskDidNotCompleteException error(
      TaskStatus status, String domain, String reason) {
    return MillhandErrors.of(result(status, domain, reason)).orElseThrow();
  }

  private static Result result(TaskStatus status, String domain, String reason) {
    ErrorInfo info = ErrorInfo.newBuilder().setDomain(domain).setReason(reason).build();
    return Result.newBuilder()
        .setTask(Task.newBuilder().setId("a").setStatus(status))
        .setError(com.google.rpc.Status.newBuilder().setCode(13).addDetails(Any.pack(info)).build())
        .build();
  }
}
