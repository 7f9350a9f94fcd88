/** What a case says of tasks and filters, as options of the client. */

import { createRegistry, fromBinary } from "@bufbuild/protobuf";
import {
  type Any,
  type Duration,
  durationMs,
  file_google_protobuf_duration,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
  type Timestamp,
  timestampDate,
} from "@bufbuild/protobuf/wkt";
import { type FilterOptions, MediaBytes, type TaskOptions, type TaskRequest } from "millhand";
import * as v1 from "millhand/v1";
import type { Task } from "./gen/millhand/conformance/v1/conformance_pb.js";

/** The messages that cases may have as payloads. */
export const TYPES = createRegistry(
  v1.file_millhand_v1_handler,
  v1.file_millhand_v1_payload,
  v1.file_millhand_v1_task,
  v1.file_millhand_v1_task_service,
  file_google_protobuf_duration,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
);

/** The whole task. */
export function requestOf(task: Task): TaskRequest {
  return { ...optionsOf(task), handler: task.spec?.handler ?? "", payload: payloadOf(task) };
}

/** The options of a task, for `register` and `execute`. */
export function optionsOf({ spec }: Task): TaskOptions {
  if (spec === undefined) {
    return {};
  }
  return {
    id: spec.id || undefined,
    idempotencyKey: spec.idempotencyKey || undefined,
    name: spec.name,
    description: spec.description,
    priority: spec.priority,
    queue: spec.queue,
    labels: spec.labels,
    retries: spec.retries,
    retryDelayMs: ms(spec.retryDelay),
    retryPolicy: spec.retryPolicy,
    attemptTimeoutMs: ms(spec.timeout),
    startTimeoutMs: ms(spec.startTimeout),
    heartbeatTimeoutMs: ms(spec.heartbeatTimeout),
    deadline: date(spec.deadline),
    runAt: spec.due.case === "runAt" ? date(spec.due.value) : undefined,
    delayMs: spec.due.case === "delay" ? ms(spec.due.value) : undefined,
    fairnessKey: spec.fairnessKey,
    correlationId: spec.correlationId,
    traceparent: spec.traceparent,
  };
}

/** What the task's handler gets, as a natural value. */
export function payloadOf({ payload, integer, notANumber }: Task): unknown {
  if (integer) {
    return BigInt(integer);
  }
  if (notANumber) {
    return { nan: NaN, inf: Infinity, "-inf": -Infinity }[notANumber];
  }
  const kind = payload?.kind;
  switch (kind?.case) {
    case "json":
      return JSON.parse(kind.value) as unknown;
    case "blob":
      return kind.value.contentType ? new MediaBytes(kind.value.data, kind.value.contentType) : kind.value.data;
    case "message":
      return unpacked(kind.value);
    default:
      return undefined;
  }
}

/** The options of a filter. */
export function filterOf(filter: v1.TaskFilter | undefined): FilterOptions {
  const some = <T>(values: T[] | undefined) => (values?.length ? values : undefined);
  return {
    ids: some(filter?.ids),
    handlers: some(filter?.handlers),
    queues: some(filter?.queues),
    statuses: some(filter?.statuses),
    labels: filter && Object.keys(filter.labels).length ? filter.labels : undefined,
    correlationId: filter?.correlationId || undefined,
    createdAfter: date(filter?.createdAfter),
    createdBefore: date(filter?.createdBefore),
  };
}

/** A duration in milliseconds; undefined if it is unset. */
export function ms(duration: Duration | undefined): number | undefined {
  return duration && durationMs(duration);
}

function date(moment: Timestamp | undefined): Date | undefined {
  return moment && timestampDate(moment);
}

function unpacked(any: Any): unknown {
  const schema = TYPES.getMessage(any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1));
  return schema ? fromBinary(schema, any.value) : any;
}
