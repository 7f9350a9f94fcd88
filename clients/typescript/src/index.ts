/** Client for Millhand, a task service called over gRPC. The contract's own messages are in `millhand/v1`. */

export { Code } from "@connectrpc/connect";
export {
  type CancelledOptions,
  Client,
  type FullOption,
  type ListOptions,
  type ResultsOptions,
  type SignalOption,
} from "./client.js";
export type { ClientOptions, TlsOptions } from "./connection.js";
export {
  AlreadyExistsError,
  CallCancelledError,
  ClientClosedError,
  ClosingError,
  CursorInvalidError,
  DeadlineExceededError,
  type ErrorFacts,
  FailedPreconditionError,
  HandlerFailedError,
  InternalError,
  InvalidArgumentError,
  InvalidPayloadError,
  InvalidTaskFuncError,
  InvalidTaskIdError,
  LeaseLostError,
  MillhandError,
  NotFoundError,
  PayloadTooLargeError,
  PermissionDeniedError,
  QueueFullError,
  QueueNotFoundError,
  RateLimitedError,
  ResourceExhaustedError,
  ResultsMissedError,
  ScheduleNotFoundError,
  SlowReaderError,
  StoreUnavailableError,
  TaskAlreadyStartedError,
  TaskCancelledError,
  TaskCompletedError,
  TaskDidNotCompleteError,
  TaskFailedError,
  TaskNotFoundError,
  TaskTimedOutError,
  TooManyStreamsError,
  UnauthenticatedError,
  UnavailableError,
  UnexpectedOutputError,
  UnsupportedError,
  type Violation,
  WaitTimedOutError,
  WorkerLostError,
} from "./errors.js";
export type { FullQueueOptions, WaitForOptions } from "./executing.js";
export type { FilterOptions } from "./filters.js";
export type { Task } from "./gen/millhand/v1/task_pb.js";
export { TaskStatus } from "./gen/millhand/v1/task_pb.js";
export { CancelOutcome } from "./gen/millhand/v1/task_service_pb.js";
export { type Json, MediaBytes, type Output } from "./payloads.js";
export type { LogReader, OnGap, ReadTerms } from "./reader.js";
export type {
  CancelAnswer,
  CancelledAll,
  CancelledId,
  CancelledTask,
  Gap,
  Parse,
  Progress,
  Registered,
  Result,
  ResultsPage,
  Waited,
} from "./records.js";
export type { BatchMode } from "./registering.js";
export type { BatchOptions, Session, SessionOptions, SubscribeOptions } from "./session.js";
export type { SessionRecord } from "./sessionState.js";
export type { TaskOptions, TaskRequest } from "./specs.js";
export type { Stub } from "./wire.js";
