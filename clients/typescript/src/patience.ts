/** How often and how soon something is tried again, and when it is given up. */

import { setTimeout as delay } from "node:timers/promises";
import { type MillhandError, type QueueFullError, TooManyStreamsError, UnavailableError } from "./errors.js";
import { checkedMs } from "./times.js";

/** The time in milliseconds, from anywhere, and pauses in it. */
export interface Clock {
  now(): number;
  /** Rejects with the signal's reason when that comes first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** A number from 0 to 1, to spread those who were hit at once. */
  jitter(): number;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
  jitter: () => Math.random(),
};

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5000;
/** As in gRPC's own retry policies. */
const MOST_TRIES = 5;
const LONGEST_DELAY_OF_CALLS_MS = 2000;
/** What stands in for the server's advice to those whom a full queue refused, where it gives none. */
const QUEUE_DELAY_MS = 1000;
/** How far past that advice a caller may wait, so that those who were refused together do not return together. */
const QUEUE_SPREAD = 0.5;

function grown(tries: number, longest: number, clock: Clock): number {
  return Math.min(FIRST_DELAY_MS * 2 ** tries, longest) * clock.jitter();
}

/** The patience of one call with a server that cannot be reached. */
export class CallRetry {
  readonly #clock: Clock;
  #tries = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many milliseconds to wait before the next try. Throws `error` itself if there is to be none. */
  delayAfter(error: MillhandError): number {
    this.#tries += 1;
    if (!(error instanceof UnavailableError) || this.#tries >= MOST_TRIES) {
      throw error;
    }
    return Math.max(grown(this.#tries - 1, LONGEST_DELAY_OF_CALLS_MS, this.#clock), error.retryAfterMs ?? 0);
  }
}

/**
 * The patience of one stream.
 *
 * A stream that never began is tried like any call. One that did is tried again for `patienceMs` (undefined: for ever) after
 * it broke, with full jitter, for the loss is likely to be the server's and to hit everybody at once.
 */
export class Reconnect {
  readonly #patienceMs: number | undefined;
  readonly #clock: Clock;
  readonly #opening: CallRetry;
  #began = false;
  #brokenAt: number | undefined;
  #tries = 0;

  constructor(patienceMs: number | undefined, clock: Clock) {
    this.#patienceMs = patienceMs;
    this.#clock = clock;
    this.#opening = new CallRetry(clock);
  }

  /** Something came: the stream has begun, and what broke before is forgiven. */
  progressed(): void {
    this.#began = true;
    this.#brokenAt = undefined;
    this.#tries = 0;
  }

  /**
   * How many milliseconds to wait before the next try. Throws `error` itself if trying again is of no use, or was tried
   * for long enough.
   */
  delayAfter(error: unknown): number {
    if (!(error instanceof UnavailableError || error instanceof TooManyStreamsError)) {
      throw error;
    }
    if (!this.#began) {
      return this.#opening.delayAfter(error);
    }
    this.#brokenAt ??= this.#clock.now();
    if (this.#patienceMs !== undefined && this.#clock.now() - this.#brokenAt >= this.#patienceMs) {
      throw error;
    }
    this.#tries += 1;
    return Math.max(grown(this.#tries - 1, LONGEST_DELAY_MS, this.#clock), error.retryAfterMs ?? 0);
  }
}

/** The patience of one caller with a full queue. */
export class FullQueue {
  readonly #clock: Clock;
  readonly #giveUpAt: number | undefined;

  /** @param retryForMs - How long, from now on; undefined is not at all. */
  constructor(retryForMs: number | undefined, clock: Clock) {
    this.#clock = clock;
    this.#giveUpAt = retryForMs === undefined ? undefined : clock.now() + checkedMs(retryForMs, "retryWhenFullMs");
  }

  /**
   * How many milliseconds to wait before the next try, never less than the server advises. Throws `error` itself if the
   * caller has no patience, or it ends before that.
   */
  delayAfter(error: QueueFullError): number {
    const advised = error.retryAfterMs ?? QUEUE_DELAY_MS;
    const now = this.#clock.now();
    if (this.#giveUpAt === undefined || now + advised > this.#giveUpAt) {
      throw error;
    }
    return Math.min(advised + advised * QUEUE_SPREAD * this.#clock.jitter(), this.#giveUpAt - now);
  }
}
