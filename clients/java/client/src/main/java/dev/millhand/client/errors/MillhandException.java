package dev.millhand.client.errors;

import io.grpc.Status;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The root of everything that this client throws for what a server says, or fails to say. Branch on
 * the class, on {@link #code()} or on {@link #reason()}; the text may change.
 *
 * <pre>
 * MillhandException
 * ├── InvalidArgumentException
 * │   └── InvalidTaskId, InvalidTaskFunc, InvalidPayload, PayloadTooLarge, CursorInvalid
 * ├── NotFoundException: TaskNotFound, QueueNotFound, ScheduleNotFound
 * ├── AlreadyExistsException
 * ├── FailedPreconditionException: TaskAlreadyStarted, TaskCompleted, LeaseLost
 * ├── ResourceExhaustedException: QueueFull, RateLimited, TooManyStreams, SlowReader
 * ├── DeadlineExceededException: WaitTimedOut
 * ├── UnavailableException: Closing, StoreUnavailable
 * ├── UnauthenticatedException, PermissionDeniedException, UnsupportedException
 * ├── InternalErrorException
 * ├── TaskDidNotCompleteException: TaskFailed (HandlerFailed, WorkerLost), TaskCancelled, TaskTimedOut
 * └── UnexpectedOutputException, ResultsMissedException, CallCancelledException, ClientClosedException
 * </pre>
 *
 * <p>It is itself what an answer with an unknown code becomes. A reason that is newer than this
 * client becomes the class of its code, and keeps its name in {@link #reason()}.
 */
public sealed class MillhandException extends RuntimeException
    permits InvalidArgumentException,
        NotFoundException,
        AlreadyExistsException,
        FailedPreconditionException,
        ResourceExhaustedException,
        DeadlineExceededException,
        UnavailableException,
        UnauthenticatedException,
        PermissionDeniedException,
        UnsupportedException,
        InternalErrorException,
        TaskDidNotCompleteException,
        UnexpectedOutputException,
        ResultsMissedException,
        CallCancelledException,
        ClientClosedException {

  private final ErrorDetails details;

  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public MillhandException(ErrorDetails details) {
    super(details.sentence());
    this.details = details;
  }

  /**
   * Returns the gRPC code of the answer; errors found before a call have the one the server would
   * give.
   */
  public Status.Code code() {
    return details.code();
  }

  /**
   * Returns the stable name of the cause, as in errors.proto without its prefix; empty when the
   * refusal came from the transport and not from a Millhand server.
   */
  public String reason() {
    return details.reason();
  }

  /** Returns a sentence for a person, as the server gave it. */
  public String description() {
    return details.description();
  }

  /**
   * Returns facts about the cause, for instance {@code task_id}, {@code handler}, {@code limit}.
   */
  public Map<String, String> metadata() {
    return details.metadata();
  }

  /** Returns the fields of the request that are wrong; empty unless the input is at fault. */
  public List<Violation> violations() {
    return details.violations();
  }

  /** Returns how long to wait before the same may succeed; empty when waiting does not help. */
  public Optional<Duration> retryAfter() {
    return details.retryAfter();
  }

  /** Returns what the server's log calls this call; empty for errors found before a call. */
  public String requestId() {
    return details.requestId();
  }
}
