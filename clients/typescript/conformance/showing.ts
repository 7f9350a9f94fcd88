/** What the client gave, as the runner is told of it. */

import { create, isMessage, type Message, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema, timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type CancelledAll,
  Code,
  MediaBytes,
  MillhandError,
  type Output,
  type Progress,
  type Registered,
  type Result,
  TaskDidNotCompleteError,
  type Waited,
} from "millhand";
import * as v1 from "millhand/v1";
import * as wire from "./gen/millhand/conformance/v1/conformance_pb.js";
import { TYPES } from "./tasks.js";

const MS = 1000;
const NANOS_PER_MS = 1_000_000;

/** A natural value, told again. */
export function valueOf(output: Output): wire.Value {
  if (output instanceof Uint8Array) {
    return create(wire.ValueSchema, { kind: { case: "blob", value: { data: output } } });
  }
  if (output instanceof MediaBytes) {
    const { data, contentType } = output;
    return create(wire.ValueSchema, { kind: { case: "blob", value: { data, contentType } } });
  }
  if (isMessage(output)) {
    return create(wire.ValueSchema, { kind: { case: "message", value: packed(output) } });
  }
  return create(wire.ValueSchema, { kind: { case: "json", value: JSON.stringify(output) } });
}

/** An error as a user would branch on it. */
export function failureOf(error: unknown): wire.Failure {
  if (!(error instanceof MillhandError)) {
    return foreign(error);
  }
  const { name, code, reason, metadata, violations, retryAfterMs, sentence } = error;
  return create(wire.FailureSchema, {
    type: name,
    code,
    reason,
    metadata: { ...metadata },
    violations: violations.map(({ field, description }) => ({ field, description })),
    retryAfter: retryAfterMs === undefined ? undefined : durationOf(retryAfterMs),
    message: sentence,
    task: error instanceof TaskDidNotCompleteError ? error.task : undefined,
  });
}

export function resultOf(one: Result, brief: boolean): wire.Result {
  const told = one.error === undefined && !brief && one.message.output !== undefined;
  return create(wire.ResultSchema, {
    task: one.task,
    cursor: one.cursor,
    failure: one.error && failureOf(one.error),
    output: told ? valueOf(one.output) : undefined,
  });
}

export function registeredOf({ task, created, error }: Registered): wire.Registered {
  return create(wire.RegisteredSchema, { task, created, failure: error && failureOf(error) });
}

export function progressOf({ taskId, attempt, fraction, message, updateTime }: Progress): v1.ProgressUpdate {
  const progress = { fraction, message, updateTime: updateTime && timestampFromDate(updateTime) };
  return create(v1.ProgressUpdateSchema, { taskId, attempt, progress });
}

export function cancelledAllOf({ counts, stillRunningIds }: CancelledAll): wire.CancelledAll {
  const told = Array.from(counts, ([outcome, count]) => ({ outcome, count }));
  return create(wire.CancelledAllSchema, { counts: told, stillRunningIds: [...stillRunningIds] });
}

export function waitedOf({ done, counts }: Waited): wire.Waited {
  return create(wire.WaitedSchema, { done, counts: Array.from(counts, ([status, count]) => ({ status, count })) });
}

/** What a signal aborts with, and what else is none of the client's own errors. */
function foreign(error: unknown): wire.Failure {
  const codes: Readonly<Record<string, Code>> = { AbortError: Code.Canceled, TimeoutError: Code.DeadlineExceeded };
  const { name, message } = error instanceof Error ? error : { name: typeof error, message: String(error) };
  return create(wire.FailureSchema, { type: name, code: codes[name] ?? Code.Unknown, message });
}

function packed(message: Message): Any {
  if (isMessage(message, AnySchema)) {
    return message;
  }
  const schema = TYPES.getMessage(message.$typeName);
  if (schema === undefined) {
    throw new Error(`this program does not know ${message.$typeName}`);
  }
  return create(AnySchema, { typeUrl: `type.googleapis.com/${schema.typeName}`, value: toBinary(schema, message) });
}

function durationOf(ms: number) {
  const seconds = Math.floor(ms / MS);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * MS) * NANOS_PER_MS) };
}
