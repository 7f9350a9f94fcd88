/** Running a task and waiting for it, across lost connections and full queues. */

import { create } from "@bufbuild/protobuf";
import { InternalError, MillhandError, nameTask, QueueFullError } from "./errors.js";
import type { TaskSpec } from "./gen/millhand/v1/task_pb.js";
import { ExecuteTaskRequestSchema, OnTimeout } from "./gen/millhand/v1/task_service_pb.js";
import { FullQueue, Reconnect } from "./patience.js";
import { type Parse, Result } from "./records.js";
import { brokeMidway } from "./status.js";
import type { Terms } from "./terms.js";
import { checkedMs, optionalDuration } from "./times.js";

/** How long a caller that aborts may be held up by its task's cancel. */
const CANCEL_ON_ABORT_MS = 2000;

/** How to wait for a task. */
export interface WaitForOptions<T = unknown> {
  /** Ends the wait, which rejects with the signal's reason. The task goes on, unless `cancelOnAbort` is set. */
  readonly signal?: AbortSignal | undefined;
  /** Whether the client cancels the task when `signal` ends the wait, which may hold that up for two seconds. */
  readonly cancelOnAbort?: boolean | undefined;
  /** How long to wait; left out, however long the task takes. One attempt's limit is `attemptTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Whether the server cancels a task that was not done in time. */
  readonly cancelOnTimeout?: boolean | undefined;
  /** Reads the output. */
  readonly parse?: Parse<T> | undefined;
}

/** For how long to try again while the queue is full, as often as the server advises. */
export interface FullQueueOptions {
  /** In milliseconds, within `timeoutMs` if there is one; left out, not at all. */
  readonly retryWhenFullMs?: number | undefined;
}

/**
 * Runs a spec, or a registered task by its id ahead of its turn; the result says how it ended.
 *
 * A lost connection is no end: the call joins the same task again, as long as that makes sense. Nor is the end of this
 * wait the task's, unless the options say so.
 */
export async function executeTask(
  terms: Terms,
  target: TaskSpec | string,
  options: WaitForOptions & FullQueueOptions,
): Promise<Result> {
  try {
    return await untilDone(terms, target, options);
  } catch (error) {
    if (options.signal?.aborted && options.cancelOnAbort) {
      await cancelFor(terms, idOf(target));
    }
    throw error instanceof MillhandError ? nameTask(error, idOf(target)) : error;
  }
}

async function untilDone(
  terms: Terms,
  target: TaskSpec | string,
  options: WaitForOptions & FullQueueOptions,
): Promise<Result> {
  const { clock } = terms.wire;
  const { timeoutMs, retryWhenFullMs } = options;
  const giveUpAt = timeoutMs === undefined ? undefined : clock.now() + checkedMs(timeoutMs, "timeoutMs");
  const queueing = new FullQueue(shorter(retryWhenFullMs, timeoutMs), clock);
  const reconnect = new Reconnect(terms.reconnectTimeoutMs, clock);
  for (;;) {
    const leftMs = giveUpAt === undefined ? undefined : Math.max(0, giveUpAt - clock.now());
    try {
      return await waitOnce(terms, target, leftMs, options);
    } catch (error) {
      await terms.wire.pause(delayAfter(error, queueing, reconnect), options.signal);
    }
  }
}

async function waitOnce(
  terms: Terms,
  target: TaskSpec | string,
  leftMs: number | undefined,
  { cancelOnTimeout, signal }: WaitForOptions,
): Promise<Result> {
  const { wire, codec } = terms;
  const request = create(ExecuteTaskRequestSchema, {
    target: typeof target === "string" ? { case: "id", value: target } : { case: "task", value: target },
    timeout: optionalDuration(leftMs, "timeoutMs"),
    onTimeout: cancelOnTimeout ? OnTimeout.CANCEL : OnTimeout.UNSPECIFIED,
  });
  const call = { timeoutMs: terms.deadlineMs(leftMs), signal, once: true };
  const { result } = await wire.call((options) => wire.stub.executeTask(request, options), call);
  if (result === undefined) {
    throw new InternalError("the answer has no result");
  }
  return new Result(result, codec);
}

/** How many milliseconds to wait before the next try. Throws `error` itself if there is to be none. */
function delayAfter(error: unknown, queueing: FullQueue, reconnect: Reconnect): number {
  if (error instanceof QueueFullError) {
    return queueing.delayAfter(error);
  }
  if (error instanceof MillhandError && (brokeMidway(error) || "task_id" in error.metadata)) {
    // The server may have taken the task before the connection broke.
    reconnect.progressed();
  }
  return reconnect.delayAfter(error);
}

/** Cancels what an aborted caller waited for. What becomes of that hides nothing: the caller gets its own reason. */
async function cancelFor({ wire }: Terms, id: string): Promise<void> {
  if (!id) {
    return;
  }
  const request = { id, reason: "the caller aborted its wait" };
  await wire
    .call((options) => wire.stub.cancelTask(request, options), { timeoutMs: CANCEL_ON_ABORT_MS })
    .catch(() => {
      // The promise rejects with the signal's reason, which belongs to the caller and takes no notes.
    });
}

function idOf(target: TaskSpec | string): string {
  return typeof target === "string" ? target : target.id;
}

function shorter(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? one : Math.min(one, other);
}
