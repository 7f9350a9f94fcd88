/** What a caller says about a task, turned into a TaskSpec. */

import { create } from "@bufbuild/protobuf";
import { invalid } from "./errors.js";
import { type RetryPolicy, type TaskSpec, TaskSpecSchema } from "./gen/millhand/v1/task_pb.js";
import { newId } from "./ids.js";
import type { PayloadCodec } from "./payloads.js";
import { optionalDuration, timestamp } from "./times.js";

/**
 * All that a task may have beside handler and payload. What is left out is the handler's or the server's; a duration of 0
 * means no limit.
 */
export interface TaskOptions {
  /** The task's id. Left out, a new one, unless there is an `idempotencyKey`. */
  readonly id?: string | undefined;
  /** The same key registers one task. */
  readonly idempotencyKey?: string | undefined;
  /** For people. */
  readonly name?: string | undefined;
  /** For people. */
  readonly description?: string | undefined;
  /** -100 to 100; lower runs first, like `nice`. */
  readonly priority?: number | undefined;
  /** Where it waits. */
  readonly queue?: string | undefined;
  /** Texts to filter by. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** How often it is tried again after the first attempt. */
  readonly retries?: number | undefined;
  /** How long until the first of these. */
  readonly retryDelayMs?: number | undefined;
  /** How delays grow, and what is not tried again; made with `create(RetryPolicySchema, ...)`. */
  readonly retryPolicy?: RetryPolicy | undefined;
  /** How long one attempt may run. */
  readonly attemptTimeoutMs?: number | undefined;
  /** How long it may wait for its first start. */
  readonly startTimeoutMs?: number | undefined;
  /** How long an attempt may go without a heartbeat. */
  readonly heartbeatTimeoutMs?: number | undefined;
  /** When it ends at the latest. */
  readonly deadline?: Date | undefined;
  /** Not before this moment; or give `delayMs`. */
  readonly runAt?: Date | undefined;
  /** Not before this has passed. */
  readonly delayMs?: number | undefined;
  /** What shares fairly. */
  readonly fairnessKey?: string | undefined;
  /** An id of your own to find it by. */
  readonly correlationId?: string | undefined;
  /** The W3C trace that it belongs to. */
  readonly traceparent?: string | undefined;
}

/** A task to register, as `registerMany` and sessions take it. */
export interface TaskRequest extends TaskOptions {
  /** The handler's name. */
  readonly handler: string;
  /** What it gets; undefined is nothing at all. */
  readonly payload?: unknown;
}

const SMALLEST_INT32 = -(2 ** 31);
const LARGEST_INT32 = 2 ** 31 - 1;

/**
 * A request as it is sent, with an id unless an `idempotencyKey` stands in for one.
 *
 * Throws InvalidPayloadError if the payload cannot be sent as it is, and InvalidArgumentError if a duration, a moment or
 * a number is none, or both `runAt` and `delayMs` are given.
 */
export function taskSpec(request: TaskRequest, codec: PayloadCodec): TaskSpec {
  const { handler, payload, idempotencyKey } = request;
  return create(TaskSpecSchema, {
    handler,
    id: request.id ?? (idempotencyKey ? "" : newId()),
    idempotencyKey,
    ...(payload === undefined ? {} : { payload: codec.encode(payload) }),
    name: request.name,
    description: request.description,
    priority: int32(request.priority, "priority"),
    queue: request.queue,
    labels: { ...request.labels },
    fairnessKey: request.fairnessKey,
    correlationId: request.correlationId,
    traceparent: request.traceparent,
    ...retrying(request),
    ...limits(request),
    due: due(request),
  });
}

function retrying(options: TaskOptions) {
  return {
    retries: int32(options.retries, "retries"),
    retryDelay: optionalDuration(options.retryDelayMs, "retryDelayMs"),
    retryPolicy: options.retryPolicy,
  };
}

function limits(options: TaskOptions) {
  return {
    timeout: optionalDuration(options.attemptTimeoutMs, "attemptTimeoutMs"),
    startTimeout: optionalDuration(options.startTimeoutMs, "startTimeoutMs"),
    heartbeatTimeout: optionalDuration(options.heartbeatTimeoutMs, "heartbeatTimeoutMs"),
    deadline: options.deadline && timestamp(options.deadline, "deadline"),
  };
}

function due({ runAt, delayMs }: TaskOptions): TaskSpec["due"] {
  if (runAt !== undefined && delayMs !== undefined) {
    throw invalid("runAt", "give runAt or delayMs, not both");
  }
  const delay = optionalDuration(delayMs, "delayMs");
  if (delay !== undefined) {
    return { case: "delay", value: delay };
  }
  return runAt ? { case: "runAt", value: timestamp(runAt, "runAt") } : { case: undefined };
}

/** The server judges what a number may be; what the wire cannot carry is refused here. */
export function int32(value: number | undefined, field: string): number | undefined {
  if (value !== undefined && !(Number.isInteger(value) && value >= SMALLEST_INT32 && value <= LARGEST_INT32)) {
    throw invalid(field, `${String(value)} is not a whole number of 32 bits`);
  }
  return value;
}
