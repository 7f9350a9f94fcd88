import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { TaskStatus } from "../src/gen/millhand/v1/task_pb.js";
import {
  CancelOutcome,
  ExecuteTaskResponseSchema,
  OnTimeout,
  RegisterMode,
  RegisterTasksResponseSchema,
} from "../src/gen/millhand/v1/task_service_pb.js";
import {
  ClientClosedError,
  DeadlineExceededError,
  InternalError,
  QueueFullError,
  TaskFailedError,
  TaskNotFoundError,
  UnavailableError,
  UnexpectedOutputError,
  WaitTimedOutError,
} from "../src/index.js";
import { Code, completed, FakeServer, Moment, NEWER, refusal, statusOf, taskOf } from "./fakeServer.js";

const unreachable = () => refusal(Code.Unavailable, "STORE_UNAVAILABLE");

test("a registration is repeated under its id while the server is not there", async () => {
  const ids: (string | undefined)[] = [];
  await using server = await FakeServer.start({
    registerTask({ task }) {
      ids.push(task?.id);
      if (ids.length < 3) {
        throw unreachable();
      }
      return { task: taskOf({ id: task?.id ?? "" }), created: true };
    },
  });
  await using client = server.client();

  const task = await client.register("echo", 1);

  assert.deepEqual(ids, [task.id, task.id, task.id]);
  assert.equal(server.connections, 1);
});

test("what would do more when repeated is tried once", async () => {
  const calls: string[] = [];
  const fail = (name: string) => () => {
    calls.push(name);
    throw unreachable();
  };
  await using server = await FakeServer.start({
    cancelAll: fail("cancelAll"),
    cancelAllAndWait: fail("cancelAllAndWait"),
    shutdown: fail("shutdown"),
  });
  await using client = server.client();

  await assert.rejects(client.cancelAll(), UnavailableError);
  await assert.rejects(client.cancelAllAndWait(), UnavailableError);
  await assert.rejects(client.shutdown(), UnavailableError);

  assert.deepEqual(calls, ["cancelAll", "cancelAllAndWait", "shutdown"]);
});

test("what is refused for good is not repeated, and has the server's words", async () => {
  let calls = 0;
  await using server = await FakeServer.start({
    getTask({ id }) {
      calls += 1;
      throw refusal(Code.NotFound, "TASK_NOT_FOUND", { taskId: id });
    },
  });
  await using client = server.client();

  await assert.rejects(client.get("gone"), (error) => {
    assert.ok(error instanceof TaskNotFoundError);
    assert.equal(error.code, Code.NotFound);
    assert.deepEqual(error.metadata, { task_id: "gone" });
    assert.match(error.message, /^TASK_NOT_FOUND: refused: TASK_NOT_FOUND \(request [0-9a-f]{32}\)$/);
    return true;
  });
  assert.equal(calls, 1);
});

test("a server that does not answer in time is a deadline, within which calls are repeated", async () => {
  await using server = await FakeServer.start({
    getServerInfo: async (_request, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          reject(new Error("over"));
        });
      }),
  });
  await using client = server.client({ timeoutMs: 50 });

  await assert.rejects(client.info(), DeadlineExceededError);
});

test("every call has the token and a request id of its own", async () => {
  const headers: [string | null, string | null][] = [];
  await using server = await FakeServer.start({
    listHandlers(_request, { requestHeader }) {
      headers.push([requestHeader.get("authorization"), requestHeader.get("x-request-id")]);
      return {};
    },
  });
  await using client = server.client({ token: "secret" });

  await client.handlers();
  await client.handlers();

  assert.deepEqual(
    headers.map(([token]) => token),
    ["Bearer secret", "Bearer secret"],
  );
  assert.equal(new Set(headers.map(([, id]) => id)).size, 2);
});

test("execute gives the output, as the caller reads it", async () => {
  await using server = await FakeServer.start({
    executeTask: () => ({ result: completed("t", { words: 6 }) }),
  });
  await using client = server.client();

  assert.deepEqual(await client.execute("word_count", { text: "x" }), { words: 6 });
  const words: number = await client.execute(
    "word_count",
    {},
    { parse: (output) => (output as { words: number }).words },
  );
  assert.equal(words, 6);

  const cause = new Error("no number");
  const wrong = client.execute(
    "word_count",
    {},
    {
      parse: () => {
        throw cause;
      },
    },
  );
  await assert.rejects(wrong, (error) => error instanceof UnexpectedOutputError && error.cause === cause);
});

test("execute throws what a task failed of, executeTask gives it", async () => {
  const failed = { task: { id: "t", status: TaskStatus.FAILED }, error: { code: 13, message: "no paper" } };
  await using server = await FakeServer.start({ executeTask: () => ({ result: failed }) });
  await using client = server.client();

  await assert.rejects(client.execute("fail"), (error) => error instanceof TaskFailedError && error.task?.id === "t");

  const result = await client.executeTask({ handler: "fail" });
  assert.equal(result.error?.sentence, "no paper");
  assert.equal(result.output, null);
});

test("execute joins its task again after the connection broke", async () => {
  const ids: (string | undefined)[] = [];
  const first = new Moment();
  await using server = await FakeServer.start({
    executeTask({ target }) {
      ids.push(target.case === "task" ? target.value.id : undefined);
      if (ids.length > 1) {
        return create(ExecuteTaskResponseSchema, { result: completed("t", "done") });
      }
      first.now();
      return new Promise(() => undefined);
    },
  });
  await using client = server.client();

  const output = client.execute("slow");
  await first.come;
  server.drop();

  assert.equal(await output, "done");
  assert.equal(ids.length, 2);
  assert.equal(ids[0], ids[1]);
});

test("execute bears a server that has taken its task for longer than one that it cannot reach", async () => {
  let calls = 0;
  await using server = await FakeServer.start({
    executeTask() {
      calls += 1;
      if (calls < 7) {
        throw refusal(Code.Unavailable, "STORE_UNAVAILABLE", { taskId: "t" });
      }
      return { result: completed("t", "done") };
    },
  });
  await using client = server.client();
  assert.equal(await client.execute("slow", null, { id: "t" }), "done");
});

test("a wait that is over says of which task, and what the server was to do then", async () => {
  const seen: unknown[] = [];
  await using server = await FakeServer.start({
    executeTask({ target, timeout, onTimeout }) {
      seen.push(timeout?.nanos, onTimeout, target.case);
      throw refusal(Code.DeadlineExceeded, "TASK_TIMEOUT");
    },
  });
  await using client = server.client();

  const wait = client.executeRegistered("mine", { timeoutMs: 0, cancelOnTimeout: true });

  await assert.rejects(wait, (error) => error instanceof WaitTimedOutError && error.metadata["task_id"] === "mine");
  assert.deepEqual(seen, [0, OnTimeout.CANCEL, "id"]);
});

for (const cancelOnAbort of [false, true]) {
  test(`an aborted wait rejects with the caller's reason, and ${cancelOnAbort ? "cancels" : "leaves"} the task`, async () => {
    const began = new Moment();
    const cancelled: string[] = [];
    await using server = await FakeServer.start({
      executeTask() {
        began.now();
        return new Promise(() => undefined);
      },
      cancelTask({ id }) {
        cancelled.push(id);
        return { outcome: CancelOutcome.DEQUEUED, task: taskOf({ id }) };
      },
    });
    await using client = server.client();
    const controller = new AbortController();
    const reason = new Error("enough");

    const output = client.execute("slow", null, { id: "mine", signal: controller.signal, cancelOnAbort });
    await began.come;
    controller.abort(reason);

    await assert.rejects(output, reason);
    assert.deepEqual(cancelled, cancelOnAbort ? ["mine"] : []);
  });
}

test("an aborted signal keeps a call from being made", async () => {
  await using server = await FakeServer.start({});
  await using client = server.client();
  await assert.rejects(client.info({ signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.equal(server.connections, 0);
});

test("a full queue is an error at once, or is waited for", async () => {
  let calls = 0;
  await using server = await FakeServer.start({
    registerTask({ task }) {
      calls += 1;
      if (calls % 2 === 1) {
        throw refusal(Code.ResourceExhausted, "QUEUE_FULL", { retryAfterMs: 20 });
      }
      return { task: taskOf({ id: task?.id ?? "" }) };
    },
  });
  await using client = server.client();

  await assert.rejects(
    client.register("echo"),
    (error) => error instanceof QueueFullError && error.retryAfterMs === 20,
  );
  calls = 0;
  await client.register("echo", 1, { retryWhenFullMs: 5000 });
  assert.equal(calls, 2);
});

test("of a batch only what the full queue refused is sent again", async () => {
  const sent: string[][] = [];
  await using server = await FakeServer.start({
    registerTasks({ tasks, mode }) {
      assert.equal(mode, RegisterMode.PER_ITEM);
      sent.push(tasks.map(({ id }) => id));
      const results = tasks.map(({ id }) => {
        const refused = sent.length === 1 && id === "b";
        return refused
          ? { error: statusOf(Code.ResourceExhausted, "QUEUE_FULL") }
          : { task: taskOf({ id }), created: true };
      });
      return create(RegisterTasksResponseSchema, { results });
    },
  });
  await using client = server.client();
  const batch = ["a", "b", "c"].map((id) => ({ handler: "echo", id }));

  const answers = await client.registerMany(batch, { mode: "perItem", retryWhenFullMs: 5000 });

  assert.deepEqual(sent, [["a", "b", "c"], ["b"]]);
  assert.deepEqual(
    answers.map(({ task }) => task?.id),
    ["a", "b", "c"],
  );
});

test("a listing is fetched page by page, as it is read", async () => {
  const tokens: string[] = [];
  await using server = await FakeServer.start({
    getTasks({ pageToken }) {
      tokens.push(pageToken);
      return pageToken
        ? { tasks: [taskOf({ id: "c" })] }
        : { tasks: [taskOf({ id: "a" }), taskOf({ id: "b" })], nextPageToken: "more" };
    },
  });
  await using client = server.client();
  const ids: string[] = [];

  for await (const { id } of client.list()) {
    ids.push(id);
    assert.deepEqual(tokens, id === "c" ? ["", "more"] : [""]);
  }

  assert.deepEqual(ids, ["a", "b", "c"]);
});

test("numbers that a newer server has do no harm", async () => {
  await using server = await FakeServer.start({
    cancelTask: ({ id }) => ({ outcome: NEWER, task: taskOf({ id, status: NEWER }) }),
    wait: () => ({ done: true, counts: [{ status: NEWER, count: 2 }] }),
  });
  await using client = server.client();

  const { outcome, task } = await client.cancel("a");
  assert.deepEqual([outcome, task.status], [NEWER, NEWER]);
  assert.equal((await client.wait()).counts.get(NEWER), 2);
});

test("an answer without what it is about is a fault of the server", async () => {
  await using server = await FakeServer.start({ getTask: () => ({}), executeTask: () => ({}) });
  await using client = server.client();
  await assert.rejects(client.get("a"), InternalError);
  await assert.rejects(client.execute("echo"), InternalError);
});

test("closing a client ends what is under way, and what comes later", async () => {
  const began = new Moment();
  await using server = await FakeServer.start({
    executeTask() {
      began.now();
      return new Promise(() => undefined);
    },
  });
  const client = server.client();
  const output = client.execute("slow");
  await began.come;

  client.close();

  await assert.rejects(output, ClientClosedError);
  await assert.rejects(client.info(), ClientClosedError);
  await assert.rejects(client.results().begin(), ClientClosedError);
});

test("nobody there is UNAVAILABLE, after some tries", async () => {
  const server = await FakeServer.start({});
  const client = server.client();
  await server[Symbol.asyncDispose]();
  await assert.rejects(client.info(), UnavailableError);
  client.close();
});
