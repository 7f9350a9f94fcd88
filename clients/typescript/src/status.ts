/** Statuses on the wire to errors: by reason where a Millhand server gave one, else by code. */

import { fromBinary } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import type { Message } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import * as errors from "./errors.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import type { Status } from "./gen/google/rpc/status_pb.js";
import { type Result, TaskStatus } from "./gen/millhand/v1/task_pb.js";
import { durationMs } from "./times.js";

/** The domain of the reasons that are ours; a handler's own have another and cannot pass for them. */
const DOMAIN = "millhand.v1";

type ErrorClass = new (sentence: string, facts?: errors.ErrorFacts & { result?: Result }) => errors.MillhandError;

/** Every reason has its class; the two that a call and an ended task share stand for the call here. */
export const ERROR_BY_REASON: ReadonlyMap<string, ErrorClass> = new Map<string, ErrorClass>([
  ["INVALID_ARGUMENT", errors.InvalidArgumentError],
  ["INVALID_TASK_ID", errors.InvalidTaskIdError],
  ["INVALID_TASK_FUNC", errors.InvalidTaskFuncError],
  ["INVALID_PAYLOAD", errors.InvalidPayloadError],
  ["PAYLOAD_TOO_LARGE", errors.PayloadTooLargeError],
  ["CURSOR_INVALID", errors.CursorInvalidError],
  ["TASK_NOT_FOUND", errors.TaskNotFoundError],
  ["QUEUE_NOT_FOUND", errors.QueueNotFoundError],
  ["SCHEDULE_NOT_FOUND", errors.ScheduleNotFoundError],
  ["ALREADY_EXISTS", errors.AlreadyExistsError],
  ["TASK_ALREADY_STARTED", errors.TaskAlreadyStartedError],
  ["TASK_COMPLETED", errors.TaskCompletedError],
  ["TASK_CANCELLED", errors.TaskCancelledError],
  ["TASK_TIMEOUT", errors.WaitTimedOutError],
  ["HANDLER_FAILED", errors.HandlerFailedError],
  ["WORKER_LOST", errors.WorkerLostError],
  ["LEASE_LOST", errors.LeaseLostError],
  ["QUEUE_FULL", errors.QueueFullError],
  ["RATE_LIMITED", errors.RateLimitedError],
  ["TOO_MANY_STREAMS", errors.TooManyStreamsError],
  ["SLOW_READER", errors.SlowReaderError],
  ["CLOSING", errors.ClosingError],
  ["STORE_UNAVAILABLE", errors.StoreUnavailableError],
  ["UNAUTHENTICATED", errors.UnauthenticatedError],
  ["PERMISSION_DENIED", errors.PermissionDeniedError],
  ["UNSUPPORTED", errors.UnsupportedError],
  ["INTERNAL", errors.InternalError],
]);

/** What stands in for a reason that is newer than this client, or for a refusal by the transport itself. */
const ERROR_BY_CODE: ReadonlyMap<Code, ErrorClass> = new Map<Code, ErrorClass>([
  [Code.Canceled, errors.CallCancelledError],
  [Code.InvalidArgument, errors.InvalidArgumentError],
  [Code.DeadlineExceeded, errors.DeadlineExceededError],
  [Code.NotFound, errors.NotFoundError],
  [Code.AlreadyExists, errors.AlreadyExistsError],
  [Code.PermissionDenied, errors.PermissionDeniedError],
  [Code.ResourceExhausted, errors.ResourceExhaustedError],
  [Code.FailedPrecondition, errors.FailedPreconditionError],
  [Code.Unimplemented, errors.UnsupportedError],
  [Code.Internal, errors.InternalError],
  [Code.Unavailable, errors.UnavailableError],
  [Code.Unauthenticated, errors.UnauthenticatedError],
]);

type OutcomeClass = new (
  sentence: string,
  facts: errors.ErrorFacts & { readonly result: Result },
) => errors.TaskDidNotCompleteError;

const ERROR_BY_OUTCOME: ReadonlyMap<TaskStatus, OutcomeClass> = new Map<TaskStatus, OutcomeClass>([
  [TaskStatus.CANCELLED, errors.TaskCancelledError],
  [TaskStatus.CONTEXT_DEADLINE_REACHED, errors.TaskTimedOutError],
  [TaskStatus.FAILED, errors.TaskFailedError],
]);

/** Reasons of ours for which a failed task has a class of its own; a handler's have the one for all. */
const FAILURE_BY_REASON: ReadonlyMap<string, OutcomeClass> = new Map<string, OutcomeClass>([
  ["HANDLER_FAILED", errors.HandlerFailedError],
  ["WORKER_LOST", errors.WorkerLostError],
]);

/** Codes with which the transport on this side says more than that the connection was lost. */
const TELLING = new Set([Code.DeadlineExceeded, Code.ResourceExhausted, Code.Unimplemented]);

const CODES: ReadonlyMap<number, Code> = new Map(
  Object.values(Code)
    .filter((code) => typeof code !== "string")
    .map((code) => [code, code]),
);

/** What a status says in its details. */
interface Told extends errors.ErrorFacts {
  /** Whether the reason is one of the contract. */
  readonly ours: boolean;
  readonly reason: string;
}

const NOTHING_TOLD: Told = { ours: false, reason: "" };

type FindDetail = <T extends Message>(schema: GenMessage<T>) => T | undefined;

/** The error for a call that the transport says has failed. */
export function errorFromCall(thrown: unknown, requestId: string): errors.MillhandError {
  const error = ConnectError.from(thrown);
  const told = detailsOf((schema) => error.findDetails(schema)[0]);
  const code = codeOf(error);
  const facts = { ...told, code, requestId, cause: thrown, metadata: { ...taskIdOf(error), ...told.metadata } };
  return new (classOf(told, byCode(code)))(error.rawMessage, facts);
}

/** The error for a status that is not OK. */
export function errorFromStatus(status: Status | undefined): errors.MillhandError {
  if (status === undefined) {
    return new errors.InternalError("an error came without its status");
  }
  const told = detailsOf((schema) => unpacked(status, schema));
  return new (classOf(told, byCode(knownCode(status.code))))(status.message, { ...told, code: knownCode(status.code) });
}

/** Why `result` has no output; undefined if its task completed. */
export function errorFromResult(result: Result): errors.TaskDidNotCompleteError | undefined {
  const { task } = result;
  const general = task && ERROR_BY_OUTCOME.get(task.status);
  if (general === undefined) {
    return undefined;
  }
  const status = result.error ?? task?.error;
  const told = status ? detailsOf((schema) => unpacked(status, schema)) : NOTHING_TOLD;
  const precise = general === errors.TaskFailedError && told.ours ? FAILURE_BY_REASON.get(told.reason) : undefined;
  return new (precise ?? general)(status?.message ?? "", {
    ...told,
    ...(status ? { code: knownCode(status.code) } : {}),
    metadata: { task_id: task?.id ?? "", ...told.metadata },
    result,
  });
}

/** What the server answered, or UNAVAILABLE for what broke on the way: connect has many codes for that. */
function codeOf(error: ConnectError): Code {
  const answered = error.metadata.has("grpc-status");
  return answered || TELLING.has(error.code) ? knownCode(error.code) : Code.Unavailable;
}

/** The server names a task that it takes before it answers. */
function taskIdOf(error: ConnectError): Record<string, string> {
  const id = error.metadata.get("millhand-task-id");
  return id ? { task_id: id } : {};
}

/** Whether the connection was there and broke: the server may have done what it was asked for. */
export function brokeMidway({ cause }: errors.MillhandError): boolean {
  return cause instanceof ConnectError && codeOf(cause) === Code.Unavailable && cause.code !== Code.Unavailable;
}

function classOf(told: Told, fallback: ErrorClass): ErrorClass {
  return (told.ours ? ERROR_BY_REASON.get(told.reason) : undefined) ?? fallback;
}

function byCode(code: Code): ErrorClass {
  return ERROR_BY_CODE.get(code) ?? errors.MillhandError;
}

function knownCode(code: number): Code {
  return CODES.get(code) ?? Code.Unknown;
}

function detailsOf(find: FindDetail): Told {
  const info = find(ErrorInfoSchema);
  const violations = find(BadRequestSchema)?.fieldViolations ?? [];
  const delay = find(RetryInfoSchema)?.retryDelay;
  return {
    ours: info?.domain === DOMAIN,
    reason: info?.reason ?? "",
    metadata: info?.metadata ?? {},
    violations: violations.map(({ field, description }) => ({ field, description })),
    retryAfterMs: delay && durationMs(delay),
  };
}

function unpacked<T extends Message>(status: Status, schema: GenMessage<T>): T | undefined {
  const packed = status.details.find((detail) => detail.typeUrl.endsWith(`/${schema.typeName}`));
  try {
    return packed && (anyUnpack(packed, schema) ?? fromBinary(schema, packed.value));
  } catch {
    // A mangled detail must not hide the code and the message, which came on their own.
    return undefined;
  }
}
