package dev.millhand.client.errors;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import dev.millhand.v1.ErrorReason;
import dev.millhand.v1.Result;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.ProtoUtils;
import java.time.Duration;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Statuses to exceptions: by reason where a Millhand server gave one, else by code. For those who
 * use the generated code; the client does it by itself.
 */
public final class MillhandErrors {
  /**
   * The domain of the reasons that are ours; a handler's own have another, and cannot pass for
   * them.
   */
  private static final String DOMAIN = "millhand.v1";

  private static final String PREFIX = "ERROR_REASON_";

  private static final Metadata.Key<com.google.rpc.Status> DETAILS =
      Metadata.Key.of(
          "grpc-status-details-bin",
          ProtoUtils.metadataMarshaller(com.google.rpc.Status.getDefaultInstance()));

  /** The two reasons that a call and an ended task share stand for the call here. */
  private static final Map<ErrorReason, Function<ErrorDetails, MillhandException>> BY_REASON =
      new EnumMap<>(
          Map.ofEntries(
              Map.entry(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, InvalidArgumentException::new),
              Map.entry(ErrorReason.ERROR_REASON_INVALID_TASK_ID, InvalidTaskIdException::new),
              Map.entry(ErrorReason.ERROR_REASON_INVALID_TASK_FUNC, InvalidTaskFuncException::new),
              Map.entry(ErrorReason.ERROR_REASON_INVALID_PAYLOAD, InvalidPayloadException::new),
              Map.entry(ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE, PayloadTooLargeException::new),
              Map.entry(ErrorReason.ERROR_REASON_CURSOR_INVALID, CursorInvalidException::new),
              Map.entry(ErrorReason.ERROR_REASON_TASK_NOT_FOUND, TaskNotFoundException::new),
              Map.entry(ErrorReason.ERROR_REASON_QUEUE_NOT_FOUND, QueueNotFoundException::new),
              Map.entry(
                  ErrorReason.ERROR_REASON_SCHEDULE_NOT_FOUND, ScheduleNotFoundException::new),
              Map.entry(ErrorReason.ERROR_REASON_ALREADY_EXISTS, AlreadyExistsException::new),
              Map.entry(
                  ErrorReason.ERROR_REASON_TASK_ALREADY_STARTED, TaskAlreadyStartedException::new),
              Map.entry(ErrorReason.ERROR_REASON_TASK_COMPLETED, TaskCompletedException::new),
              Map.entry(
                  ErrorReason.ERROR_REASON_TASK_CANCELLED,
                  details -> new TaskCancelledException(details, null)),
              Map.entry(ErrorReason.ERROR_REASON_TASK_TIMEOUT, WaitTimedOutException::new),
              Map.entry(
                  ErrorReason.ERROR_REASON_HANDLER_FAILED,
                  details -> new HandlerFailedException(details, null)),
              Map.entry(
                  ErrorReason.ERROR_REASON_WORKER_LOST,
                  details -> new WorkerLostException(details, null)),
              Map.entry(ErrorReason.ERROR_REASON_LEASE_LOST, LeaseLostException::new),
              Map.entry(ErrorReason.ERROR_REASON_QUEUE_FULL, QueueFullException::new),
              Map.entry(ErrorReason.ERROR_REASON_RATE_LIMITED, RateLimitedException::new),
              Map.entry(ErrorReason.ERROR_REASON_TOO_MANY_STREAMS, TooManyStreamsException::new),
              Map.entry(ErrorReason.ERROR_REASON_SLOW_READER, SlowReaderException::new),
              Map.entry(ErrorReason.ERROR_REASON_CLOSING, ClosingException::new),
              Map.entry(ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, StoreUnavailableException::new),
              Map.entry(ErrorReason.ERROR_REASON_UNAUTHENTICATED, UnauthenticatedException::new),
              Map.entry(ErrorReason.ERROR_REASON_PERMISSION_DENIED, PermissionDeniedException::new),
              Map.entry(ErrorReason.ERROR_REASON_UNSUPPORTED, UnsupportedException::new),
              Map.entry(ErrorReason.ERROR_REASON_INTERNAL, InternalErrorException::new)));

  /** What stands in for a reason that is newer than this client, or for the transport's refusal. */
  private static final Map<Status.Code, Function<ErrorDetails, MillhandException>> BY_CODE =
      new EnumMap<>(
          Map.ofEntries(
              Map.entry(Status.Code.CANCELLED, CallCancelledException::new),
              Map.entry(Status.Code.INVALID_ARGUMENT, InvalidArgumentException::new),
              Map.entry(Status.Code.DEADLINE_EXCEEDED, DeadlineExceededException::new),
              Map.entry(Status.Code.NOT_FOUND, NotFoundException::new),
              Map.entry(Status.Code.ALREADY_EXISTS, AlreadyExistsException::new),
              Map.entry(Status.Code.PERMISSION_DENIED, PermissionDeniedException::new),
              Map.entry(Status.Code.RESOURCE_EXHAUSTED, ResourceExhaustedException::new),
              Map.entry(Status.Code.FAILED_PRECONDITION, FailedPreconditionException::new),
              Map.entry(Status.Code.UNIMPLEMENTED, UnsupportedException::new),
              Map.entry(Status.Code.INTERNAL, InternalErrorException::new),
              Map.entry(Status.Code.UNAVAILABLE, UnavailableException::new),
              Map.entry(Status.Code.UNAUTHENTICATED, UnauthenticatedException::new)));

  private MillhandErrors() {}

  /**
   * Returns the exception for what a stub threw. One that is a {@link MillhandException} already is
   * returned as it is; what came of no status has the code UNKNOWN.
   *
   * @param thrown what was thrown; its causes are searched
   */
  public static MillhandException of(Throwable thrown) {
    for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
      if (cause instanceof MillhandException known) {
        return known;
      }
      if (cause instanceof StatusRuntimeException refusal) {
        return of(refusal.getStatus(), refusal.getTrailers(), "", Map.of());
      }
      if (cause instanceof StatusException refusal) {
        return of(refusal.getStatus(), refusal.getTrailers(), "", Map.of());
      }
    }
    return of(Status.fromThrowable(thrown), null, "", Map.of());
  }

  /**
   * Returns the exception for a call that ended so.
   *
   * @param status how it ended, not OK
   * @param trailers what came with it, if anything
   * @param requestId what the server's log calls the call, or empty
   * @param known metadata that the caller knows by itself; the server's own wins
   */
  public static MillhandException of(
      Status status, @Nullable Metadata trailers, String requestId, Map<String, String> known) {
    com.google.rpc.Status detailed = detailsIn(trailers);
    if (detailed != null && detailed.getCode() != Status.Code.OK.value()) {
      return of(detailed, requestId, known);
    }
    String description = status.getDescription() == null ? "" : status.getDescription();
    ErrorDetails details =
        new ErrorDetails(
            status.getCode(), "", description, known, List.of(), Optional.empty(), requestId);
    MillhandException error = byCode(status.getCode()).apply(details);
    if (status.getCause() != null) {
      error.initCause(status.getCause());
    }
    return error;
  }

  /**
   * Returns the exception for a status in a message, such as the refusal of one task of a batch.
   *
   * @param status the status, not OK
   */
  public static MillhandException of(com.google.rpc.Status status) {
    return of(status, "", Map.of());
  }

  /**
   * Returns why a result has no output; empty if its task completed.
   *
   * @param result the result of a task
   */
  public static Optional<TaskDidNotCompleteException> of(Result result) {
    com.google.rpc.Status status =
        result.hasError() ? result.getError() : result.getTask().getError();
    ErrorDetails details = details(status, "", Map.of("task_id", result.getTask().getId()));
    return switch (result.getTask().getStatus()) {
      case TASK_STATUS_CANCELLED -> Optional.of(new TaskCancelledException(details, result));
      case TASK_STATUS_CONTEXT_DEADLINE_REACHED ->
          Optional.of(new TaskTimedOutException(details, result));
      case TASK_STATUS_FAILED -> Optional.of(failed(status, details, result));
      default -> Optional.empty();
    };
  }

  private static MillhandException of(
      com.google.rpc.Status status, String requestId, Map<String, String> known) {
    ErrorDetails details = details(status, requestId, known);
    return ourReason(status)
        .<Function<ErrorDetails, MillhandException>>map(BY_REASON::get)
        .orElse(byCode(details.code()))
        .apply(details);
  }

  private static TaskFailedException failed(
      com.google.rpc.Status status, ErrorDetails details, Result result) {
    return switch (ourReason(status).orElse(ErrorReason.ERROR_REASON_UNSPECIFIED)) {
      case ERROR_REASON_HANDLER_FAILED -> new HandlerFailedException(details, result);
      case ERROR_REASON_WORKER_LOST -> new WorkerLostException(details, result);
      default -> new TaskFailedException(details, result);
    };
  }

  private static Function<ErrorDetails, MillhandException> byCode(Status.Code code) {
    return BY_CODE.getOrDefault(code, MillhandException::new);
  }

  private static ErrorDetails details(
      com.google.rpc.Status status, String requestId, Map<String, String> known) {
    ErrorInfo info = detail(status, ErrorInfo.class).orElse(ErrorInfo.getDefaultInstance());
    Map<String, String> metadata = new HashMap<>(known);
    metadata.putAll(info.getMetadataMap());
    List<Violation> violations =
        detail(status, BadRequest.class).map(BadRequest::getFieldViolationsList).stream()
            .flatMap(List::stream)
            .map(one -> new Violation(one.getField(), one.getDescription()))
            .toList();
    Optional<Duration> retryAfter =
        detail(status, RetryInfo.class)
            .map(RetryInfo::getRetryDelay)
            .map(delay -> Duration.ofSeconds(delay.getSeconds(), delay.getNanos()));
    return new ErrorDetails(
        Status.fromCodeValue(status.getCode()).getCode(),
        info.getReason(),
        status.getMessage(),
        metadata,
        violations,
        retryAfter,
        requestId);
  }

  private static Optional<ErrorReason> ourReason(com.google.rpc.Status status) {
    return detail(status, ErrorInfo.class)
        .filter(info -> info.getDomain().equals(DOMAIN))
        .map(info -> ErrorReason.getDescriptor().findValueByName(PREFIX + info.getReason()))
        .map(ErrorReason::valueOf)
        .filter(BY_REASON::containsKey);
  }

  private static <T extends Message> Optional<T> detail(
      com.google.rpc.Status status, Class<T> wanted) {
    for (Any packed : status.getDetailsList()) {
      if (packed.is(wanted)) {
        try {
          return Optional.of(packed.unpack(wanted));
        } catch (InvalidProtocolBufferException mangled) {
          // Made useless on its way by a proxy: the code, the message and the other details still
          // stand.
          return Optional.empty();
        }
      }
    }
    return Optional.empty();
  }

  private static com.google.rpc.@Nullable Status detailsIn(@Nullable Metadata trailers) {
    try {
      return trailers == null ? null : trailers.get(DETAILS);
    } catch (IllegalArgumentException mangled) {
      // The code, which came on its own, still stands.
      return null;
    }
  }
}
