/** Which tasks are meant, turned into a TaskFilter. */

import { create } from "@bufbuild/protobuf";
import { invalid } from "./errors.js";
import { type TaskFilter, TaskFilterSchema, type TaskStatus } from "./gen/millhand/v1/task_pb.js";
import { timestamp } from "./times.js";

/** Fields are ANDed, the values within one ORed, labels must all match. Nothing given means every task. */
export interface FilterOptions {
  readonly ids?: readonly string[] | undefined;
  readonly handlers?: readonly string[] | undefined;
  readonly queues?: readonly string[] | undefined;
  readonly statuses?: readonly TaskStatus[] | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly correlationId?: string | undefined;
  /** Inclusive. */
  readonly createdAfter?: Date | undefined;
  /** Exclusive. */
  readonly createdBefore?: Date | undefined;
}

/**
 * The filter on the wire.
 *
 * Throws InvalidArgumentError for a field that is given and empty. On the wire that is no condition at all, and a caller
 * whose list came out empty would cancel everybody's tasks.
 */
export function taskFilter(options: FilterOptions): TaskFilter {
  const { ids, handlers, queues, statuses, labels, correlationId, createdAfter, createdBefore } = options;
  refuseEmpty({ ids, handlers, queues, statuses, labels: labels && Object.keys(labels), correlationId });
  return create(TaskFilterSchema, {
    ids: [...(ids ?? [])],
    handlers: [...(handlers ?? [])],
    queues: [...(queues ?? [])],
    statuses: [...(statuses ?? [])],
    labels: { ...labels },
    correlationId,
    createdAfter: createdAfter && timestamp(createdAfter, "createdAfter"),
    createdBefore: createdBefore && timestamp(createdBefore, "createdBefore"),
  });
}

function refuseEmpty(given: Record<string, string | readonly unknown[] | undefined>): void {
  for (const [field, value] of Object.entries(given)) {
    if (typeof value === "string" && field !== "correlationId") {
      throw invalid(field, `is one string, ${JSON.stringify(value)}: give a list`);
    }
    if (value?.length === 0) {
      throw invalid(field, "is empty, which would match every task: leave it out to mean that");
    }
  }
}
