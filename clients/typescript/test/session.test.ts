import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  CancelOutcome,
  EndReason,
  type SessionRequest,
  type SessionResponse,
  SessionResponseSchema,
} from "../src/gen/millhand/v1/task_service_pb.js";
import {
  ClientClosedError,
  DeadlineExceededError,
  InvalidArgumentError,
  InvalidTaskFuncError,
  type Session,
  UnauthenticatedError,
} from "../src/index.js";
import { Code, completed, FakeServer, Moment, refusal, statusOf, taskOf } from "./fakeServer.js";

type Frame = MessageInitShape<typeof SessionResponseSchema>;
/** One stream of a session, as a test plays it. */
type Stream = (requests: AsyncIterable<SessionRequest>) => AsyncIterable<Frame>;

/** A server that plays these streams, one for each that is opened. */
async function serverOf(...streams: Stream[]) {
  let opened = 0;
  return FakeServer.start({
    async *session(requests) {
      const stream = streams[opened];
      opened += 1;
      assert.ok(stream, "one stream too many");
      for await (const frame of stream(requests)) {
        yield create(SessionResponseSchema, frame);
      }
    },
  });
}

const results = (cursor: string, ...ids: string[]): Frame => ({
  kind: { case: "results", value: { results: ids.map((id) => completed(id, id, id)), cursor } },
});
const goodbye = (reason: EndReason, cursor = ""): Frame => ({ kind: { case: "goodbye", value: { reason, cursor } } });
const done = goodbye(EndReason.COMPLETED);

/** The plain answer to a request; nothing to what needs none. */
function answer({ requestId, kind }: SessionRequest): Frame[] {
  switch (kind.case) {
    case "hello":
      return [{ requestId, kind: { case: "welcome", value: { sessionId: kind.value.sessionId, credit: 1000 } } }];
    case "subscribe":
      return [{ requestId, kind: { case: "subscribed", value: { cursor: kind.value.after || "start" } } }];
    case "unsubscribe":
      return [{ requestId, kind: { case: "unsubscribed", value: { cursor: "stopped" } } }];
    case "register": {
      const tasks = kind.value.tasks.map(({ id }) => ({ task: taskOf({ id, sessionId: "s" }), created: true }));
      return [{ requestId, kind: { case: "registered", value: { results: tasks } } }];
    }
    case "cancel": {
      const outcomes = kind.value.ids.map((id) => ({ id, outcome: CancelOutcome.DEQUEUED }));
      return [{ requestId, kind: { case: "cancelled", value: { results: outcomes } } }];
    }
    default:
      return [];
  }
}

/** Notes requests as short words, such as `subscribe cursor` or `register a,b`. */
function worded({ kind }: SessionRequest): string {
  switch (kind.case) {
    case "hello":
      return `hello ${kind.value.sessionId}`;
    case "subscribe":
      return `subscribe ${kind.value.after}`;
    case "register":
      return `register ${kind.value.tasks.map(({ id }) => id).join()}`;
    case "credit":
      return `credit ${String(kind.value.results)}`;
    default:
      return kind.case ?? "nothing";
  }
}

/** Answers everything, and then says goodbye. */
function answering(noted: string[] = []): Stream {
  return async function* (requests) {
    for await (const request of requests) {
      noted.push(worded(request));
      yield* answer(request);
    }
    yield done;
  };
}

async function idsOf(session: Session): Promise<string[]> {
  const ids: string[] = [];
  for await (const record of session.results()) {
    ids.push(record.kind === "result" ? record.task.id : record.kind);
  }
  return ids;
}

test("requests are sent in the order of the calls, without waiting for answers", async () => {
  const noted: string[] = [];
  await using server = await serverOf(answering(noted));
  await using client = server.client();
  await using session = client.session({ sessionId: "s" });

  const all = [
    session.subscribe({ after: "0" }),
    session.register("echo", 1, { id: "a" }),
    session.registerMany([
      { handler: "echo", id: "b" },
      { handler: "echo", id: "c" },
    ]),
    session.cancel(["a"]),
    session.unsubscribe(),
  ] as const;
  session.finish();
  const [cursor, task, many, [cancelled], stopped] = await Promise.all(all);

  assert.deepEqual(noted, ["hello s", "subscribe 0", "register a", "register b,c", "cancel", "unsubscribe"]);
  assert.deepEqual(
    [cursor, task.id, many.length, cancelled?.outcome, stopped],
    ["0", "a", 2, CancelOutcome.DEQUEUED, "stopped"],
  );
  assert.deepEqual(await idsOf(session), []);
  await assert.rejects(session.register("echo"), ClientClosedError);
});

test("no more than 64 requests are under way, and none is lost", async () => {
  const held: SessionRequest[] = [];
  const full = new Moment();
  const goOn = new Moment();
  const answers = (requests: SessionRequest[]) =>
    requests.flatMap(answer).map((frame) => create(SessionResponseSchema, frame));
  await using server = await FakeServer.start({
    getServerInfo: () => ({}),
    async *session(requests) {
      // Reads on while it does not answer.
      const reading = (async () => {
        for await (const request of requests) {
          held.push(request);
          if (held.length === 65) {
            full.now();
          }
        }
      })();
      await goOn.come;
      yield* answers(held.splice(0));
      await reading;
      yield* answers(held.splice(0));
      yield create(SessionResponseSchema, done);
    },
  });
  await using client = server.client();
  await using session = client.session({ sessionId: "s" });
  const ids = Array.from({ length: 100 }, (_, n) => String(n));

  const registering = Promise.all(ids.map((id) => session.register("echo", null, { id })));
  session.finish();
  await full.come;
  for (let turn = 0; turn < 50; turn += 1) {
    // More would come meanwhile, on the same connection.
    await client.info();
  }
  assert.deepEqual(held.map(worded), ["hello s", ...ids.slice(0, 64).map((id) => `register ${id}`)]);

  goOn.now();
  assert.deepEqual(
    (await registering).map(({ id }) => id),
    ids,
  );
});

test("what is refused rejects alone, and the session goes on", async () => {
  await using server = await serverOf(async function* (requests) {
    for await (const request of requests) {
      const refused = request.kind.case === "register" && request.kind.value.tasks[0]?.handler === "nobody";
      const { requestId } = request;
      const status = statusOf(Code.InvalidArgument, "INVALID_TASK_FUNC");
      yield* refused ? [{ requestId, kind: { case: "error" as const, value: { status } } }] : answer(request);
    }
    yield done;
  });
  await using client = server.client();
  await using session = client.session({ sessionId: "s" });

  await assert.rejects(session.registerMany([{ handler: "nobody" }]), InvalidTaskFuncError);
  assert.equal((await session.register("echo", 1, { id: "a" })).id, "a");
  await assert.rejects(session.cancel("one string" as unknown as string[]), InvalidArgumentError);
});

test("a broken session sends again what was not answered, and resumes behind what was read", async () => {
  const first: string[] = [];
  const second: string[] = [];
  const asked = new Moment();
  await using server = await serverOf(
    async function* (requests) {
      for await (const request of requests) {
        first.push(worded(request));
        if (request.kind.case === "register") {
          asked.now();
          await new Promise(() => undefined);
        }
        yield* answer(request);
        if (request.kind.case === "subscribe") {
          yield results("1", "x");
          yield results("2", "y");
        }
      }
    },
    async function* (requests) {
      for await (const request of requests) {
        second.push(worded(request));
        yield* answer(request);
        if (request.kind.case === "subscribe") {
          yield results("2", "y");
        }
      }
      yield results("3", "a");
      yield done;
    },
  );
  await using client = server.client();
  await using session = client.session({ sessionId: "s" });
  await session.subscribe();
  const reading = session.results();
  assert.equal((await reading.next()).done, false);
  assert.equal(session.cursor, "1");

  const registered = session.register("echo", 1, { id: "a" });
  await asked.come;
  server.drop();
  assert.equal((await registered).id, "a");
  session.finish();

  assert.deepEqual(first, ["hello s", "subscribe ", "register a"]);
  assert.deepEqual(await idsOf(session), ["y", "a"]);
  assert.deepEqual(second, ["hello s", "subscribe 1", "register a"]);
});

test("a result in the midst of a frame is not read twice over a reconnect", async () => {
  const begun = new Moment();
  const frame = async function* (requests: AsyncIterable<SessionRequest>): AsyncGenerator<Frame> {
    for await (const request of requests) {
      yield* answer(request);
      if (request.kind.case === "subscribe") {
        yield results("1", "x", "y");
        return;
      }
    }
  };
  await using server = await serverOf(frame, async function* (requests) {
    yield* frame(requests);
    begun.now();
    yield done;
  });
  await using client = server.client();
  await using session = client.session({ sessionId: "s" });
  await session.subscribe();
  const reading = session.results();
  const one = await reading.next();
  assert.equal(!one.done && one.value.kind === "result" && one.value.task.id, "x");
  await begun.come;
  assert.deepEqual(await idsOf(session), ["y"]);
});

test("a task that was another's is adopted again on a new stream", async () => {
  const noted: string[] = [];
  const adopted: Stream = async function* (requests) {
    for await (const request of requests) {
      const { requestId } = request;
      const task = { task: taskOf({ id: "a", sessionId: "other" }), created: false };
      if (request.kind.case === "register") {
        yield { requestId, kind: { case: "registered", value: { results: [task] } } };
        return;
      }
      yield* answer(request);
    }
  };
  await using server = await serverOf(adopted, answering(noted));
  await using client = server.client();
  await using session = client.session({ sessionId: "s" });
  await session.register("echo", 1, { id: "a" });
  session.finish();
  await idsOf(session);
  assert.deepEqual(noted, ["hello s", "register a"]);
});

test("credit is given back as results are read, half of it at a time", async () => {
  const credits: string[] = [];
  const half = new Moment();
  await using server = await serverOf(async function* (requests) {
    for await (const request of requests) {
      yield* answer(request);
      if (request.kind.case === "subscribe") {
        yield results("1", ...Array.from({ length: 1000 }, (_, n) => String(n)));
      } else if (request.kind.case === "credit") {
        credits.push(worded(request));
        half.now();
      }
    }
    yield done;
  });
  await using client = server.client();
  await using session = client.session({ sessionId: "s" });
  await session.subscribe();
  let count = 0;
  for await (const record of session.results()) {
    assert.equal(record.kind, "result");
    count += 1;
    if (count === 500) {
      await half.come;
      session.finish();
    }
  }
  assert.equal(count, 1000);
  assert.deepEqual(credits, ["credit 500"]);
});

test("a session whose credit is spent opens again once its reader has caught up", async () => {
  const noted: string[] = [];
  const spent: Stream = async function* (requests) {
    for await (const request of requests) {
      yield* answer(request);
    }
    yield results("1", "x");
    yield goodbye(EndReason.CREDIT_SPENT, "1");
  };
  await using server = await serverOf(spent, answering(noted));
  await using client = server.client();
  await using session = client.session({ sessionId: "s" });
  await session.subscribe();
  session.finish();
  assert.deepEqual(await idsOf(session), ["x"]);
  assert.deepEqual(noted, ["hello s", "subscribe 1"]);
});

test("a session outlives a shutdown of its server", async () => {
  const leaving: Stream = async function* (requests) {
    for await (const request of requests) {
      yield* answer(request);
      if (request.kind.case === "subscribe") {
        yield goodbye(EndReason.SHUTDOWN, "7");
        return;
      }
    }
  };
  const noted: string[] = [];
  await using server = await serverOf(leaving, answering(noted));
  await using client = server.client();
  await using session = client.session({ sessionId: "s" });
  await session.subscribe();
  session.finish();
  await idsOf(session);
  assert.deepEqual(noted, ["hello s", "subscribe 7"]);
});

test("of unread progress there is the latest of each task", async () => {
  const progress = (taskId: string, fraction: number): Frame => ({
    kind: { case: "progress", value: { taskId, attempt: 1, progress: { fraction } } },
  });
  const told = new Moment();
  await using server = await serverOf(async function* (requests) {
    for await (const request of requests) {
      yield* answer(request);
    }
    yield* [progress("a", 0.1), progress("b", 0.2), progress("a", 0.9)];
    yield done;
    told.now();
  });
  await using client = server.client();
  await using session = client.session();
  session.finish();
  await told.come;
  await session.close({ drain: true });
  const seen: [string, number][] = [];
  for await (const record of session.results()) {
    assert.ok(record.kind === "progress");
    seen.push([record.taskId, record.fraction]);
  }
  assert.deepEqual(seen, [
    ["a", 0.9],
    ["b", 0.2],
  ]);
});

test("a session that may not be says why, in each request and to its reader", async () => {
  await using server = await FakeServer.start({
    // eslint-disable-next-line require-yield -- it is refused before the first frame
    async *session() {
      await Promise.reject(refusal(Code.Unauthenticated, "UNAUTHENTICATED"));
    },
  });
  await using client = server.client();
  await using session = client.session();
  await assert.rejects(session.register("echo"), UnauthenticatedError);
  await assert.rejects(idsOf(session), UnauthenticatedError);
  await assert.rejects(session.subscribe(), UnauthenticatedError);
});

test("a request without an answer is over after the client's time", async () => {
  await using server = await serverOf(async function* (requests) {
    for await (const request of requests) {
      if (request.kind.case === "hello") {
        yield* answer(request);
      }
    }
  });
  await using client = server.client({ timeoutMs: 50 });
  await using session = client.session();
  await assert.rejects(session.register("echo"), DeadlineExceededError);
});

test("closing a session ends what waits, and a signal does so with the caller's reason", async () => {
  const silent: Stream = async function* () {
    yield { kind: { case: "pong", value: {} } } satisfies MessageInitShape<typeof SessionResponseSchema>;
    await new Promise<SessionResponse>(() => undefined);
  };
  await using server = await serverOf(silent, silent);
  await using client = server.client();
  const closed = client.session();
  const registered = assert.rejects(closed.register("echo"), ClientClosedError);
  await closed.close();
  await registered;

  const controller = new AbortController();
  const reason = new Error("enough");
  await using aborted = client.session({ signal: controller.signal });
  const reading = assert.rejects(idsOf(aborted), reason);
  controller.abort(reason);
  await reading;
});
