/**
 * What the client throws. Branch on the class, on `code` or on `reason`; the text may change.
 *
 * ```text
 * MillhandError
 * ├── InvalidArgumentError
 * │   └── InvalidTaskIdError, InvalidTaskFuncError, InvalidPayloadError, PayloadTooLargeError, CursorInvalidError
 * ├── NotFoundError: TaskNotFoundError, QueueNotFoundError, ScheduleNotFoundError
 * ├── AlreadyExistsError
 * ├── FailedPreconditionError: TaskAlreadyStartedError, TaskCompletedError, LeaseLostError
 * ├── ResourceExhaustedError: QueueFullError, RateLimitedError, TooManyStreamsError, SlowReaderError
 * ├── DeadlineExceededError: WaitTimedOutError
 * ├── UnavailableError: ClosingError, StoreUnavailableError
 * ├── UnauthenticatedError, PermissionDeniedError, UnsupportedError, InternalError
 * ├── TaskDidNotCompleteError: TaskFailedError (HandlerFailedError, WorkerLostError), TaskCancelledError,
 * │   TaskTimedOutError
 * ├── UnexpectedOutputError
 * └── ResultsMissedError, CallCancelledError, ClientClosedError
 * ```
 *
 * What a caller aborts with an `AbortSignal` is none of these: it rejects with the signal's own reason.
 */

import { Code } from "@connectrpc/connect";
import type { Result, Task, TaskStatus } from "./gen/millhand/v1/task_pb.js";
import type { Gap } from "./gen/millhand/v1/task_service_pb.js";

/** One thing wrong with a request: the path of the field, and a sentence that says what to do. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** What an error is made of, beside its message. */
export interface ErrorFacts {
  readonly code?: Code;
  readonly reason?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly Violation[];
  readonly retryAfterMs?: number | undefined;
  readonly requestId?: string;
  readonly cause?: unknown;
}

/** The root of everything below, and itself what an answer with an unknown code becomes. */
export class MillhandError extends Error {
  protected static readonly code: Code = Code.Unknown;
  protected static readonly reason: string = "";

  /** The gRPC code of the answer; errors found before a call carry the code that the server would give. */
  readonly code: Code;
  /**
   * The stable name of the cause, as in errors.proto without its prefix; empty when the refusal came from the
   * transport and not from a Millhand server.
   */
  readonly reason: string;
  /** A sentence for a person, without the reason and the violations that `message` adds. */
  readonly sentence: string;
  /** Facts about the cause, for instance `task_id`, `handler`, `queue`, `limit`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields of the request that are wrong; empty unless the input is at fault. */
  readonly violations: readonly Violation[];
  /** How many milliseconds to wait before the same call may succeed; undefined when waiting does not help. */
  readonly retryAfterMs: number | undefined;
  /** What the server's log calls this call; empty for errors found before a call. */
  readonly requestId: string;

  constructor(sentence: string, facts: ErrorFacts = {}) {
    const own = new.target;
    const code = facts.code ?? own.code;
    const reason = facts.reason ?? own.reason;
    super(messageOf(sentence, reason || Code[code], facts), { cause: facts.cause });
    this.name = own.name;
    this.code = code;
    this.reason = reason;
    this.sentence = sentence;
    this.metadata = { ...facts.metadata };
    this.violations = facts.violations ?? [];
    this.retryAfterMs = facts.retryAfterMs;
    this.requestId = facts.requestId ?? "";
  }
}

function messageOf(sentence: string, head: string, facts: ErrorFacts): string {
  const unsaid = (facts.violations ?? []).filter((one) => !sentence.includes(one.description));
  const details = unsaid.map((one) => `; ${one.field}: ${one.description}`).join("");
  const request = facts.requestId ? ` (request ${facts.requestId})` : "";
  return `${head}: ${sentence || "no message was given"}${details}${request}`;
}

/** A value is out of bounds, malformed or missing; `violations` name the fields. */
export class InvalidArgumentError extends MillhandError {
  protected static override readonly code: Code = Code.InvalidArgument;
  protected static override readonly reason: string = "INVALID_ARGUMENT";
}

/** A task id is missing, too long or not printable. */
export class InvalidTaskIdError extends InvalidArgumentError {
  protected static override readonly reason = "INVALID_TASK_ID";
}

/** The server has no handler of that name; the message names those it has. */
export class InvalidTaskFuncError extends InvalidArgumentError {
  protected static override readonly reason = "INVALID_TASK_FUNC";
}

/** A payload cannot be sent as it is, or does not fit what the handler takes. */
export class InvalidPayloadError extends InvalidArgumentError {
  protected static override readonly reason = "INVALID_PAYLOAD";
}

/** A payload is larger than `limits.maxPayloadBytes` of the server's `info`. */
export class PayloadTooLargeError extends InvalidArgumentError {
  protected static override readonly reason = "PAYLOAD_TOO_LARGE";
}

/** A cursor is not one that this service ever gave. */
export class CursorInvalidError extends InvalidArgumentError {
  protected static override readonly reason = "CURSOR_INVALID";
}

/** What was named does not exist, or no longer. */
export class NotFoundError extends MillhandError {
  protected static override readonly code: Code = Code.NotFound;
}

/** No such task: never registered, or past its retention. */
export class TaskNotFoundError extends NotFoundError {
  protected static override readonly reason = "TASK_NOT_FOUND";
}

/** No such queue. */
export class QueueNotFoundError extends NotFoundError {
  protected static override readonly reason = "QUEUE_NOT_FOUND";
}

/** No such schedule. */
export class ScheduleNotFoundError extends NotFoundError {
  protected static override readonly reason = "SCHEDULE_NOT_FOUND";
}

/** The id or the idempotency key belongs to a task with other content. */
export class AlreadyExistsError extends MillhandError {
  protected static override readonly code: Code = Code.AlreadyExists;
  protected static override readonly reason = "ALREADY_EXISTS";
}

/** The task's status does not allow the operation. */
export class FailedPreconditionError extends MillhandError {
  protected static override readonly code: Code = Code.FailedPrecondition;
}

/** A task that is to be executed by id already runs. */
export class TaskAlreadyStartedError extends FailedPreconditionError {
  protected static override readonly reason = "TASK_ALREADY_STARTED";
}

/** A task that is to be executed by id is already final; `metadata.status` says how it ended. */
export class TaskCompletedError extends FailedPreconditionError {
  protected static override readonly reason = "TASK_COMPLETED";
}

/** A worker answered for a task that is no longer its own. */
export class LeaseLostError extends FailedPreconditionError {
  protected static override readonly reason = "LEASE_LOST";
}

/** A limit is reached, of the server or of the transport (a message that is too large). */
export class ResourceExhaustedError extends MillhandError {
  protected static override readonly code: Code = Code.ResourceExhausted;
}

/** The queue holds as many tasks as it may; `retryAfterMs` says when to try again. */
export class QueueFullError extends ResourceExhaustedError {
  protected static override readonly reason = "QUEUE_FULL";
}

/** Too many calls; `retryAfterMs` says when to try again. */
export class RateLimitedError extends ResourceExhaustedError {
  protected static override readonly reason = "RATE_LIMITED";
}

/** The server has as many streams open as it may. */
export class TooManyStreamsError extends ResourceExhaustedError {
  protected static override readonly reason = "TOO_MANY_STREAMS";
}

/** The server ended a stream whose reader did not keep up; it can be resumed by cursor. */
export class SlowReaderError extends ResourceExhaustedError {
  protected static override readonly reason = "SLOW_READER";
}

/** No answer came in time. What was asked for may have happened. */
export class DeadlineExceededError extends MillhandError {
  protected static override readonly code: Code = Code.DeadlineExceeded;
}

/** The wait for a task is over, not the task: it goes on unless it was to be cancelled. */
export class WaitTimedOutError extends DeadlineExceededError {
  protected static override readonly reason = "TASK_TIMEOUT";
}

/** The server cannot be reached or does not serve now. */
export class UnavailableError extends MillhandError {
  protected static override readonly code: Code = Code.Unavailable;
}

/** The server is shutting down. */
export class ClosingError extends UnavailableError {
  protected static override readonly reason = "CLOSING";
}

/** The server has lost its store for now. */
export class StoreUnavailableError extends UnavailableError {
  protected static override readonly reason = "STORE_UNAVAILABLE";
}

/** The token is missing or unknown. */
export class UnauthenticatedError extends MillhandError {
  protected static override readonly code: Code = Code.Unauthenticated;
  protected static override readonly reason = "UNAUTHENTICATED";
}

/** The token does not have the scope that the call needs. */
export class PermissionDeniedError extends MillhandError {
  protected static override readonly code: Code = Code.PermissionDenied;
  protected static override readonly reason = "PERMISSION_DENIED";
}

/** The server does not honour a field, a value or a call (yet); the message names it. */
export class UnsupportedError extends MillhandError {
  protected static override readonly code: Code = Code.Unimplemented;
  protected static override readonly reason = "UNSUPPORTED";
}

/** A fault of the server; its log has the facts under `requestId`. */
export class InternalError extends MillhandError {
  protected static override readonly code: Code = Code.Internal;
  protected static override readonly reason = "INTERNAL";
}

/** A task ended without an output. `reason` and `sentence` are the handler's own where it gave them. */
export class TaskDidNotCompleteError extends MillhandError {
  /** The whole result; undefined when a call was refused because the task had ended so before. */
  readonly result: Result | undefined;

  constructor(sentence: string, facts: ErrorFacts & { readonly result?: Result } = {}) {
    super(sentence, facts);
    this.result = facts.result;
  }

  /** The task as it ended, where the server told. */
  get task(): Task | undefined {
    return this.result?.task;
  }

  /** The status that the task ended with, where the server told. */
  get status(): TaskStatus | undefined {
    return this.task?.status;
  }
}

/** The task FAILED; a handler that raised `Fatal` gives its own `reason`. */
export class TaskFailedError extends TaskDidNotCompleteError {
  protected static override readonly code: Code = Code.Internal;
}

/** The handler raised and no retry was left. */
export class HandlerFailedError extends TaskFailedError {
  protected static override readonly reason = "HANDLER_FAILED";
}

/** The task's worker died under it again and again. */
export class WorkerLostError extends TaskFailedError {
  protected static override readonly reason = "WORKER_LOST";
}

/** The task was CANCELLED. */
export class TaskCancelledError extends TaskDidNotCompleteError {
  protected static override readonly code: Code = Code.Canceled;
  protected static override readonly reason = "TASK_CANCELLED";
}

/** The task itself ran out of time (CONTEXT_DEADLINE_REACHED); `metadata.timeout` says which limit. */
export class TaskTimedOutError extends TaskDidNotCompleteError {
  protected static override readonly code: Code = Code.DeadlineExceeded;
  protected static override readonly reason = "TASK_TIMEOUT";
}

/**
 * A task completed, and its output is not what `parse` takes; `cause` is what `parse` threw.
 *
 * Asking again gives the same: read the output without `parse`, or with another one.
 */
export class UnexpectedOutputError extends MillhandError {
  protected static override readonly code: Code = Code.FailedPrecondition;
}

/** A reader that was asked to throw at a gap met one; `gap` says what cannot be given any more. */
export class ResultsMissedError extends MillhandError {
  protected static override readonly code: Code = Code.DataLoss;
  readonly gap: Gap;

  constructor(sentence: string, gap: Gap) {
    super(sentence);
    this.gap = gap;
  }
}

/** The server cancelled the call. */
export class CallCancelledError extends MillhandError {
  protected static override readonly code: Code = Code.Canceled;
}

/** The client or the session is closed. */
export class ClientClosedError extends MillhandError {
  protected static override readonly code: Code = Code.Canceled;
}

/** An error for a value that the caller gave, found before it is sent. */
export function invalid(field: string, description: string, facts: ErrorFacts = {}): InvalidArgumentError {
  return new InvalidArgumentError(`${field}: ${description}`, { ...facts, violations: [{ field, description }] });
}

/** Adds the id of the task that a call was about, where the server did not tell it. */
export function nameTask<E extends MillhandError>(error: E, taskId: string): E {
  if (taskId && !("task_id" in error.metadata)) {
    (error.metadata as Record<string, string>)["task_id"] = taskId;
  }
  return error;
}
