import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import * as errors from "../src/errors.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../src/gen/google/rpc/status_pb.js";
import { ErrorReason } from "../src/gen/millhand/v1/errors_pb.js";
import { ResultSchema, TaskStatus } from "../src/gen/millhand/v1/task_pb.js";
import { NEWER } from "./fakeServer.js";
import { brokeMidway, ERROR_BY_REASON, errorFromCall, errorFromResult, errorFromStatus } from "../src/status.js";

function detail<D extends DescMessage>(schema: D, init: MessageInitShape<D>) {
  return anyPack(schema, create(schema, init));
}

function status(code: Code, reason: string, domain = "millhand.v1") {
  return create(StatusSchema, { code, message: "why", details: [detail(ErrorInfoSchema, { reason, domain })] });
}

const REASONS = Object.keys(ErrorReason).filter((name) => Number.isNaN(Number(name)) && name !== "UNSPECIFIED");

for (const reason of REASONS) {
  test(`${reason} has a class of its own`, () => {
    const error = errorFromStatus(status(Code.Internal, reason));
    assert.equal(error.reason, reason);
    assert.equal(error.constructor, ERROR_BY_REASON.get(reason));
    assert.equal([...ERROR_BY_REASON.values()].filter((one) => one === error.constructor).length, 1);
  });
}

test("every class of the tree is a MillhandError with its own name", () => {
  const classes = Object.values(errors).filter((one) => one.prototype instanceof Error);
  assert.ok(classes.length > 30);
  for (const one of classes) {
    assert.ok(one === errors.MillhandError || one.prototype instanceof errors.MillhandError, one.name);
  }
});

test("a reason that is newer than this client is told, and its class is the code's", () => {
  const error = errorFromStatus(status(Code.NotFound, "WHEEL_NOT_FOUND"));
  assert.equal(error.reason, "WHEEL_NOT_FOUND");
  assert.equal(error.constructor, errors.NotFoundError);
});

test("a code that is newer than this client is UNKNOWN", () => {
  const error = errorFromStatus(create(StatusSchema, { code: 99 }));
  assert.equal(error.code, Code.Unknown);
  assert.equal(error.constructor, errors.MillhandError);
});

test("details become attributes, and the message tells of violations that the sentence does not", () => {
  const error = errorFromStatus(
    create(StatusSchema, {
      code: Code.ResourceExhausted,
      message: "the queue is full",
      details: [
        detail(ErrorInfoSchema, { reason: "QUEUE_FULL", domain: "millhand.v1", metadata: { queue: "q", limit: "3" } }),
        detail(RetryInfoSchema, { retryDelay: { seconds: 1n, nanos: 500_000_000 } }),
        detail(BadRequestSchema, { fieldViolations: [{ field: "task.id", description: "is taken" }] }),
      ],
    }),
  );
  assert.ok(error instanceof errors.QueueFullError);
  assert.deepEqual(error.metadata, { queue: "q", limit: "3" });
  assert.equal(error.retryAfterMs, 1500);
  assert.deepEqual(error.violations, [{ field: "task.id", description: "is taken" }]);
  assert.equal(error.message, "QUEUE_FULL: the queue is full; task.id: is taken");
  assert.equal(error.name, "QueueFullError");
});

test("a mangled detail does not hide the code and the message", () => {
  const mangled = { typeUrl: "type.googleapis.com/google.rpc.ErrorInfo", value: new Uint8Array([255]) };
  const error = errorFromStatus(create(StatusSchema, { code: Code.NotFound, message: "why", details: [mangled] }));
  assert.ok(error instanceof errors.NotFoundError);
  assert.equal(error.sentence, "why");
});

function result(taskStatus: TaskStatus, reason: string, domain?: string) {
  return create(ResultSchema, { task: { id: "t", status: taskStatus }, error: status(Code.Internal, reason, domain) });
}

const OUTCOMES: readonly (readonly [string, TaskStatus, string, string, unknown])[] = [
  ["that its handler failed", TaskStatus.FAILED, "HANDLER_FAILED", "millhand.v1", errors.HandlerFailedError],
  ["that was lost", TaskStatus.FAILED, "WORKER_LOST", "millhand.v1", errors.WorkerLostError],
  ["for the handler's own reason", TaskStatus.FAILED, "NO_PAPER", "handler", errors.TaskFailedError],
  ["for a reason that looks like ours", TaskStatus.FAILED, "WORKER_LOST", "handler", errors.TaskFailedError],
  ["for a reason about calls", TaskStatus.FAILED, "QUEUE_FULL", "millhand.v1", errors.TaskFailedError],
  ["that was cancelled", TaskStatus.CANCELLED, "TASK_CANCELLED", "millhand.v1", errors.TaskCancelledError],
  ["out of time", TaskStatus.CONTEXT_DEADLINE_REACHED, "TASK_TIMEOUT", "millhand.v1", errors.TaskTimedOutError],
];

for (const [what, taskStatus, reason, domain, expected] of OUTCOMES) {
  test(`a task ${what} has its class`, () => {
    const error = errorFromResult(result(taskStatus, reason, domain));
    assert.ok(error);
    assert.equal(error.constructor, expected);
    assert.equal(error.reason, reason);
    assert.deepEqual([error.metadata["task_id"], error.status], ["t", taskStatus]);
  });
}

test("a task that completed has no error", () => {
  assert.equal(errorFromResult(create(ResultSchema, { task: { status: TaskStatus.COMPLETED } })), undefined);
});

test("a status that is newer than this client is no error either", () => {
  assert.equal(errorFromResult(create(ResultSchema, { task: { status: NEWER } })), undefined);
});

test("what breaks on the way is UNAVAILABLE, whatever connect calls it", () => {
  for (const code of [Code.Internal, Code.Aborted, Code.Canceled, Code.Unknown]) {
    const error = errorFromCall(new ConnectError("broke", code), "r");
    assert.ok(error instanceof errors.UnavailableError, Code[code]);
    assert.ok(brokeMidway(error));
    assert.equal(error.reason, "");
  }
  assert.ok(!brokeMidway(errorFromCall(new ConnectError("refused", Code.Unavailable), "r")));
});

test("what the server answers keeps its code, as do limits on this side", () => {
  const answered = errorFromCall(new ConnectError("fault", Code.Internal, { "grpc-status": "13" }), "r");
  assert.equal(answered.constructor, errors.InternalError);
  assert.equal(answered.message, "Internal: fault (request r)");
  const tooLarge = errorFromCall(new ConnectError("too large", Code.ResourceExhausted), "r");
  assert.equal(tooLarge.constructor, errors.ResourceExhaustedError);
});
