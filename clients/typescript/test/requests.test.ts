import assert from "node:assert/strict";
import { test } from "node:test";
import { toBinary } from "@bufbuild/protobuf";
import { InvalidArgumentError } from "../src/errors.js";
import { type FilterOptions, taskFilter } from "../src/filters.js";
import { TaskSpecSchema, TaskStatus } from "../src/gen/millhand/v1/task_pb.js";
import { newId } from "../src/ids.js";
import { PayloadCodec } from "../src/payloads.js";
import { type TaskRequest, taskSpec } from "../src/specs.js";
import { duration, durationMs } from "../src/times.js";

const codec = new PayloadCodec();

function refusalOf(act: () => unknown): string | undefined {
  let field: string | undefined;
  assert.throws(act, (error) => {
    assert.ok(error instanceof InvalidArgumentError);
    field = error.violations[0]?.field;
    return true;
  });
  return field;
}

test("a task gets an id of its own, unless it has one or a key", () => {
  assert.match(taskSpec({ handler: "echo" }, codec).id, /^[0-9a-f-]{36}$/);
  assert.equal(taskSpec({ handler: "echo", id: "mine" }, codec).id, "mine");
  assert.equal(taskSpec({ handler: "echo", idempotencyKey: "key" }, codec).id, "");
});

test("ids are UUIDs of version 7, in the order of time", () => {
  const earlier = newId(1_000);
  const later = newId(1_000_000);
  assert.match(earlier, /^00000000-03e8-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(earlier < later);
  assert.notEqual(newId(1), newId(1));
});

test("what is left out is not sent", () => {
  const spec = taskSpec({ handler: "echo", id: "a" }, codec);
  // Fields 1 and 4, of a character and four.
  assert.deepEqual(toBinary(TaskSpecSchema, spec), new Uint8Array([10, 1, 97, 34, 4, 101, 99, 104, 111]));
});

test("zero is not the same as nothing", () => {
  const spec = taskSpec({ handler: "echo", retries: 0, attemptTimeoutMs: 0 }, codec);
  assert.equal(spec.retries, 0);
  assert.deepEqual(spec.timeout && durationMs(spec.timeout), 0);
  assert.equal(spec.startTimeout, undefined);
});

const BAD_TASKS: readonly (readonly [string, Partial<TaskRequest>, string])[] = [
  ["both a moment and a delay", { runAt: new Date(), delayMs: 1 }, "runAt"],
  ["a negative duration", { delayMs: -1 }, "delayMs"],
  ["a duration that is none", { startTimeoutMs: NaN }, "startTimeoutMs"],
  ["a duration beyond all", { retryDelayMs: 1e300 }, "retryDelayMs"],
  ["a moment that is none", { deadline: new Date("never") }, "deadline"],
  ["half a retry", { retries: 0.5 }, "retries"],
  ["a number beyond 32 bits", { priority: 2 ** 31 }, "priority"],
];

for (const [what, options, field] of BAD_TASKS) {
  test(`a task with ${what} is refused before it is sent`, () => {
    assert.equal(
      refusalOf(() => taskSpec({ handler: "echo", ...options }, codec)),
      field,
    );
  });
}

const DURATIONS: readonly (readonly [number, bigint, number])[] = [
  [0, 0n, 0],
  [1500, 1n, 500_000_000],
  [0.001, 0n, 1000],
  [999.9999999, 1n, 0],
];

for (const [ms, seconds, nanos] of DURATIONS) {
  test(`${String(ms)} ms is ${String(seconds)} s and ${String(nanos)} ns`, () => {
    const { seconds: gotSeconds, nanos: gotNanos } = duration(ms, "d");
    assert.deepEqual([gotSeconds, gotNanos], [seconds, nanos]);
  });
}

test("a filter has all that it was given", () => {
  const filter = taskFilter({
    ids: ["a"],
    statuses: [TaskStatus.FAILED],
    labels: { k: "v" },
    createdAfter: new Date(5),
  });
  assert.deepEqual([filter.ids, filter.statuses, filter.labels], [["a"], [TaskStatus.FAILED], { k: "v" }]);
  assert.equal(filter.createdAfter?.nanos, 5_000_000);
});

const EMPTY: readonly FilterOptions[] = [
  { ids: [] },
  { handlers: [] },
  { queues: [] },
  { statuses: [] },
  { labels: {} },
  { correlationId: "" },
  { ids: "one string" as unknown as string[] },
];

for (const options of EMPTY) {
  test(`a filter with ${JSON.stringify(options)} would match every task, and is refused`, () => {
    assert.equal(
      refusalOf(() => taskFilter(options)),
      Object.keys(options)[0],
    );
  });
}
