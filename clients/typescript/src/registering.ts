/** Registering tasks, one or many, again and again while the queue is full if the caller wants it. */

import { invalid, QueueFullError } from "./errors.js";
import type { TaskSpec } from "./gen/millhand/v1/task_pb.js";
import { RegisterMode } from "./gen/millhand/v1/task_service_pb.js";
import type { FullQueue } from "./patience.js";
import type { Registered } from "./records.js";

/** All tasks of a batch or none, or each on its own. */
export type BatchMode = "atomic" | "perItem";

const MODES: Readonly<Record<BatchMode, RegisterMode>> = {
  atomic: RegisterMode.ATOMIC,
  perItem: RegisterMode.PER_ITEM,
};

/** The mode on the wire. Throws InvalidArgumentError for one that is none. */
export function registerMode(mode: BatchMode): RegisterMode {
  if (!Object.hasOwn(MODES, mode)) {
    throw invalid("mode", `${JSON.stringify(mode)} is neither "atomic" nor "perItem"`);
  }
  return MODES[mode];
}

/** What `send` gives once the queue takes it. */
export async function whenThereIsRoom<T>(
  send: () => Promise<T>,
  patience: FullQueue,
  pause: (ms: number) => Promise<void>,
): Promise<T> {
  for (;;) {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof QueueFullError)) {
        throw error;
      }
      await pause(patience.delayAfter(error));
    }
  }
}

/** Answers for all `specs`, in order; `send` is used again for those that a full queue refused, and for nothing else. */
export async function registerAll(
  send: (specs: TaskSpec[]) => Promise<Registered[]>,
  specs: readonly TaskSpec[],
  patience: FullQueue,
  pause: (ms: number) => Promise<void>,
): Promise<Registered[]> {
  const answers = new Map<TaskSpec, Registered>();
  let refused = [...specs];
  for (;;) {
    const sent = await whenThereIsRoom(() => send(refused), patience, pause);
    refused.forEach((spec, index) => {
      const answer = sent[index];
      if (answer) {
        answers.set(spec, answer);
      }
    });
    refused = refused.filter((spec) => answers.get(spec)?.error instanceof QueueFullError);
    const delayMs = longestDelay(
      patience,
      refused.map((spec) => answers.get(spec)?.error),
    );
    if (delayMs === undefined) {
      return specs.map((spec) => answers.get(spec)).filter((answer) => answer !== undefined);
    }
    await pause(delayMs);
  }
}

/** Undefined if patience is over, or nothing was refused: what there is are the answers then. */
function longestDelay(patience: FullQueue, refusals: readonly unknown[]): number | undefined {
  const full = refusals.filter((error) => error instanceof QueueFullError);
  try {
    return full.length ? Math.max(...full.map((error) => patience.delayAfter(error))) : undefined;
  } catch (error) {
    if (error instanceof QueueFullError) {
      return undefined;
    }
    throw error;
  }
}
