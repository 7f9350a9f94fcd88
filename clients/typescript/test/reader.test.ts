import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  EndReason,
  type StreamResultsRequest,
  type StreamResultsResponse,
  StreamResultsResponseSchema,
} from "../src/gen/millhand/v1/task_service_pb.js";
import {
  type CancelledTask,
  type Client,
  CursorInvalidError,
  type Gap,
  type LogReader,
  type Progress,
  type Result,
  ResultsMissedError,
  SlowReaderError,
  UnavailableError,
} from "../src/index.js";
import { Code, completed, FakeServer, Moment, refusal, taskOf } from "./fakeServer.js";

type Script = MessageInitShape<typeof StreamResultsResponseSchema>;

/** A server whose streams give these frames, one list for each; it notes what is asked of it. */
async function serverOf(asked: StreamResultsRequest[], ...streams: Script[][]): Promise<FakeServer> {
  return FakeServer.start({
    async *streamResults(request) {
      asked.push(request);
      yield* await Promise.resolve(streams[asked.length - 1] ?? []);
    },
  });
}

const start: Script = { kind: { case: "keepAlive", value: {} }, cursor: "start" };
const result = (id: string): Script => ({ kind: { case: "result", value: completed(id, id, id) }, cursor: id });
const end = (reason: EndReason): Script => ({ kind: { case: "end", value: { reason } }, cursor: "last" });
const caughtUp = end(EndReason.CAUGHT_UP);
const gap: Script = { kind: { case: "gap", value: { toCursor: "kept", missed: 2n } } };

async function told(reader: AsyncIterable<Result | Gap | Progress | CancelledTask>): Promise<string[]> {
  const words: string[] = [];
  for await (const record of reader) {
    words.push(record.kind === "result" ? record.task.id : record.kind);
  }
  return words;
}

test("records come in order, and the cursor follows them", async () => {
  const asked: StreamResultsRequest[] = [];
  await using server = await serverOf(asked, [start, result("a"), result("b"), caughtUp]);
  await using client = server.client();
  const reader = client.results({ after: "0", follow: false, handlers: ["echo"] });

  await reader.begin();
  assert.equal(reader.cursor, "start");
  const first = await reader.next();
  assert.equal(first.value?.kind === "result" && first.value.output, "a");
  assert.equal(reader.cursor, "a");
  assert.deepEqual(await told(reader), ["b"]);
  assert.equal(reader.cursor, "last");
  assert.deepEqual(await reader.next(), { done: true, value: undefined });
  assert.deepEqual([asked[0]?.after, asked[0]?.follow, asked[0]?.filter?.handlers], ["0", false, ["echo"]]);
});

const BROKEN: readonly (readonly [string, Script[]])[] = [
  ["ended without a word", [start, result("a")]],
  ["ended because the server shut down", [start, result("a"), { ...end(EndReason.SHUTDOWN), cursor: "a" }]],
];

for (const [what, frames] of BROKEN) {
  test(`a stream that ${what} is opened again behind its last record`, async () => {
    const asked: StreamResultsRequest[] = [];
    await using server = await serverOf(asked, frames, [start, result("b"), caughtUp]);
    await using client = server.client();

    assert.deepEqual(await told(client.results()), ["a", "b"]);

    assert.deepEqual(
      asked.map(({ after }) => after),
      ["", "a"],
    );
  });
}

test("a lost connection is opened again behind the last record", async () => {
  const asked: string[] = [];
  await using server = await FakeServer.start({
    async *streamResults({ after }) {
      asked.push(after);
      yield create(StreamResultsResponseSchema, result(asked.length === 1 ? "a" : "b"));
      await new Promise(() => undefined);
    },
  });
  await using client = server.client();
  await using reader = client.results();

  await reader.next();
  server.drop();
  const second = await reader.next();

  assert.equal(second.value?.kind === "result" && second.value.task.id, "b");
  assert.deepEqual(asked, ["", "a"]);
  assert.equal(server.connections, 2);
});

test("a reader that is not to outlive a shutdown ends with it", async () => {
  const asked: StreamResultsRequest[] = [];
  await using server = await serverOf(asked, [start, end(EndReason.SHUTDOWN)]);
  await using client = server.client();
  assert.deepEqual(await told(client.results({ outliveShutdown: false })), []);
  assert.equal(asked.length, 1);
});

test("a reader that is too slow hears of it", async () => {
  const asked: StreamResultsRequest[] = [];
  await using server = await serverOf(asked, [start, end(EndReason.SLOW_READER)]);
  await using client = server.client();
  await assert.rejects(told(client.results()), SlowReaderError);
  assert.equal(asked.length, 1);
});

test("a server that stays away is given up in time, with the last cursor kept", async () => {
  await using server = await serverOf([], [start, result("a")]);
  await using client = server.client({ reconnectTimeoutMs: 0 });
  const reader = client.results();
  await assert.rejects(told(reader), UnavailableError);
  assert.equal(reader.cursor, "a");
});

test("a cursor that is none is an error at once", async () => {
  let calls = 0;
  await using server = await FakeServer.start({
    // eslint-disable-next-line require-yield -- it is refused before the first frame
    async *streamResults() {
      calls += 1;
      await Promise.reject(refusal(Code.InvalidArgument, "CURSOR_INVALID"));
    },
  });
  await using client = server.client();
  await assert.rejects(client.results({ after: "x" }).begin(), CursorInvalidError);
  assert.equal(calls, 1);
});

test("a gap is a record, an error, or a call, and reading goes on behind it", async () => {
  const frames = [gap, result("a"), caughtUp];
  const asked: StreamResultsRequest[] = [];
  await using server = await serverOf(asked, frames, frames, frames);
  await using client = server.client();

  const reader = client.results({ after: "old" });
  const first = await reader.next();
  assert.equal(first.value?.kind === "gap" && first.value.missed, 2);
  assert.equal(reader.cursor, "kept");
  assert.deepEqual(await told(reader), ["a"]);

  await assert.rejects(told(client.results({ onGap: "throw" })), (error) => {
    return error instanceof ResultsMissedError && error.gap.toCursor === "kept" && error.message.includes("2 results");
  });

  const missed: (number | undefined)[] = [];
  assert.deepEqual(await told(client.results({ onGap: (one) => missed.push(one.missed) })), ["a"]);
  assert.deepEqual(missed, [2]);
  assert.equal(asked.length, 3);
});

test("frames of a kind that a newer server has only bring the cursor on", async () => {
  const newer = { kind: { case: undefined }, cursor: "newer" } as Script;
  await using server = await serverOf([], [start, newer, result("a"), caughtUp]);
  await using client = server.client();
  assert.deepEqual(await told(client.results()), ["a"]);
});

test("leaving the loop hangs up", async () => {
  const hungUp = new Moment();
  await using server = await FakeServer.start({
    async *streamResults(_request, { signal }) {
      signal.addEventListener("abort", () => {
        hungUp.now();
      });
      yield create(StreamResultsResponseSchema, result("a"));
      await hungUp.come;
    },
  });
  await using client = server.client();

  for await (const record of client.results()) {
    assert.equal(record.kind, "result");
    break;
  }

  await hungUp.come;
});

test("closing a reader ends the wait for its next record", async () => {
  await using server = await waiting();
  await using client = server.client();
  const reader = await client.results().begin();
  const next = reader.next();
  reader.close();
  assert.deepEqual(await next, { done: true, value: undefined });
});

test("a signal ends a reader with the caller's reason", async () => {
  await using server = await waiting();
  await using client = server.client();
  const controller = new AbortController();
  const reason = new Error("enough");
  const reader = await client.results({ signal: controller.signal }).begin();
  const next = reader.next();
  controller.abort(reason);
  await assert.rejects(next, reason);
});

test("what became CANCELLED is read in the same way", async () => {
  await using server = await FakeServer.start({
    async *getCancelled({ after, follow }) {
      assert.deepEqual([after, follow], ["0", false]);
      yield* await Promise.resolve([
        { kind: { case: "task" as const, value: taskOf({ id: "a" }) }, cursor: "1" },
        { kind: { case: "end" as const, value: { reason: EndReason.CAUGHT_UP } } },
      ]);
    },
  });
  await using client = server.client();
  const tasks: string[] = [];
  for await (const one of client.cancelled({ after: "0", follow: false, onGap: "throw" })) {
    tasks.push(one.task.id, one.cursor);
  }
  assert.deepEqual(tasks, ["a", "1"]);
});

/** A server whose stream begins, and then gives nothing. */
async function waiting(): Promise<FakeServer> {
  return FakeServer.start({
    async *streamResults() {
      yield create(StreamResultsResponseSchema, start);
      await new Promise<StreamResultsResponse>(() => undefined);
    },
  });
}

/** What a reader gives follows from how it is asked: this is checked by the compiler alone. */
export function typesOfReaders(client: Client): unknown[] {
  const plain: LogReader<Result | Gap> = client.results({ ids: ["a"] });
  const nothing: LogReader<Result | Gap> = client.results();
  const strict: LogReader<Result> = client.results({ onGap: "throw" });
  const called: LogReader<Result> = client.results({ onGap: () => undefined });
  const progress: LogReader<Result | Gap | Progress> = client.results({ includeProgress: true });
  // @ts-expect-error Progress is among what may come.
  const wrong: LogReader<Result | Gap> = client.results({ includeProgress: true });
  // @ts-expect-error Gaps are among what may come.
  const gaps: LogReader<Result> = client.results();
  return [plain, nothing, strict, called, progress, wrong, gaps];
}
