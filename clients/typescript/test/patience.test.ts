import assert from "node:assert/strict";
import { test } from "node:test";
import {
  InvalidArgumentError,
  QueueFullError,
  SlowReaderError,
  TooManyStreamsError,
  UnavailableError,
} from "../src/errors.js";
import { CallRetry, FullQueue, Reconnect, SYSTEM_CLOCK } from "../src/patience.js";
import { FakeClock } from "./fakeClock.js";

const lost = new UnavailableError("lost");

test("a call is tried five times, with growing delays", () => {
  const retry = new CallRetry(new FakeClock());
  assert.deepEqual(
    [retry.delayAfter(lost), retry.delayAfter(lost), retry.delayAfter(lost), retry.delayAfter(lost)],
    [100, 200, 400, 800],
  );
  assert.throws(() => retry.delayAfter(lost), lost);
});

test("what a repeat cannot mend is not repeated", () => {
  const wrong = new InvalidArgumentError("wrong");
  assert.throws(() => new CallRetry(new FakeClock()).delayAfter(wrong), wrong);
});

test("the server's advice is the least delay", () => {
  const advised = new UnavailableError("draining", { retryAfterMs: 700 });
  assert.equal(new CallRetry(new FakeClock()).delayAfter(advised), 700);
});

test("a stream that never began is tried like a call", () => {
  const reconnect = new Reconnect(undefined, new FakeClock());
  [1, 2, 3, 4].forEach(() => reconnect.delayAfter(lost));
  assert.throws(() => reconnect.delayAfter(lost), lost);
});

test("a stream that began is tried for as long as its patience lasts since it broke", () => {
  const clock = new FakeClock();
  const reconnect = new Reconnect(10_000, clock);
  reconnect.progressed();
  clock.time = 50_000;
  const delays = [0, 0, 0, 0, 0, 0, 0].map(() => reconnect.delayAfter(lost));
  assert.deepEqual(delays, [100, 200, 400, 800, 1600, 3200, 5000]);
  clock.time = 60_000;
  assert.throws(() => reconnect.delayAfter(lost), lost);
  reconnect.progressed();
  assert.equal(reconnect.delayAfter(lost), 100);
});

test("a stream waits for room among streams, and never for a reader that is slow", () => {
  const reconnect = new Reconnect(undefined, new FakeClock());
  reconnect.progressed();
  assert.equal(reconnect.delayAfter(new TooManyStreamsError("many")), 100);
  const slow = new SlowReaderError("slow");
  assert.throws(() => reconnect.delayAfter(slow), slow);
});

test("delays are spread", () => {
  const reconnect = new Reconnect(undefined, new FakeClock(0.25));
  reconnect.progressed();
  assert.equal(reconnect.delayAfter(lost), 25);
});

test("a full queue is tried again no sooner than advised, and no longer than the caller said", () => {
  const clock = new FakeClock();
  const full = new QueueFullError("full", { retryAfterMs: 1000 });
  const patience = new FullQueue(4000, clock);
  assert.equal(patience.delayAfter(full), 1500);
  clock.time = 2800;
  assert.equal(patience.delayAfter(full), 1200);
  clock.time = 3001;
  assert.throws(() => patience.delayAfter(full), full);
  assert.throws(() => new FullQueue(undefined, clock).delayAfter(full), full);
});

test("a pause ends with the reason of its signal", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const pause = SYSTEM_CLOCK.sleep(60_000, controller.signal);
  controller.abort(reason);
  await assert.rejects(pause, reason);
});
