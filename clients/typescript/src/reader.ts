/** Reading the log over as many streams as it takes: when to open one, what to do when it breaks. */

import { ClosingError, ResultsMissedError, SlowReaderError, UnavailableError } from "./errors.js";
import {
  type End,
  EndReason,
  type GetCancelledResponse,
  type StreamResultsResponse,
} from "./gen/millhand/v1/task_service_pb.js";
import { Reconnect } from "./patience.js";
import { type CancelledTask, type Gap, type Progress, recordOf, type Result } from "./records.js";
import type { Terms } from "./terms.js";
import type { FrameStream } from "./wire.js";

/** What to do at a gap: give it as a record, throw ResultsMissedError, or call a function and go on. */
export type OnGap = "yield" | "throw" | ((gap: Gap) => void);

type LogRecord = Result | Gap | Progress | CancelledTask;
type Frame = StreamResultsResponse | GetCancelledResponse;

/** How a log is read. */
export interface ReadTerms {
  /** Everything up to here was given before; empty leaves the place to the server. */
  readonly after?: string | undefined;
  readonly onGap?: OnGap | undefined;
  /** Whether to reconnect when the server says that it shuts down, which is so unless it is said. */
  readonly outliveShutdown?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Records of the log, each once, across lost connections and restarts: an async iterator for one consumer.
 *
 * It begins with `begin`, or else with the first `next`: only from then on is nothing missed. It ends when it is closed,
 * which leaving a `for await` loop does, or when the server says that nothing more comes.
 */
export class LogReader<R extends LogRecord> implements AsyncIterableIterator<R>, AsyncDisposable {
  readonly #terms: Terms;
  readonly #open: (after: string) => FrameStream<Frame>;
  readonly #read: ReadTerms;
  readonly #reconnect: Reconnect;
  #cursor: string;
  #stream: FrameStream<Frame> | undefined;
  #ahead: R | undefined;
  #begun = false;
  readonly #closing = new AbortController();
  #done = false;

  /** @internal */
  constructor(terms: Terms, open: (after: string) => FrameStream<Frame>, read: ReadTerms) {
    this.#terms = terms;
    this.#open = open;
    this.#read = read;
    this.#reconnect = new Reconnect(terms.reconnectTimeoutMs, terms.wire.clock);
    this.#cursor = read.after ?? "";
  }

  /** Everything up to here was given; keep it to go on from here in another process, as `after`. */
  get cursor(): string {
    return this.#cursor;
  }

  /**
   * Waits for the first frame, which names the place in the log: nothing behind it is missed. Does nothing once reading
   * has begun. Rejects with MillhandError if the stream cannot be opened; only one that began is opened again.
   */
  async begin(): Promise<this> {
    if (!this.#begun) {
      this.#ahead = await this.#step();
      this.#begun = true;
    }
    return this;
  }

  async next(): Promise<IteratorResult<R, undefined>> {
    this.#begun = true;
    let record = this.#ahead;
    this.#ahead = undefined;
    while (record === undefined && !this.#closing.signal.aborted && !this.#done) {
      record = await this.#step();
    }
    if (record === undefined) {
      this.#hangUp();
      return { done: true, value: undefined };
    }
    return { done: false, value: record };
  }

  /** Ends the iteration and the stream below it. */
  return(): Promise<IteratorResult<R, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Ends the iteration and the stream below it; a `next` that waits ends, too. */
  close(): void {
    this.#closing.abort();
    this.#hangUp();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** Reads a frame; what breaks is opened again with the next step. Undefined if there is no record in it. */
  async #step(): Promise<R | undefined> {
    try {
      return await this.#readFrame();
    } catch (error) {
      this.#hangUp();
      if (!this.#closing.signal.aborted) {
        await this.#pauseAfter(error);
      }
      return undefined;
    }
  }

  async #pauseAfter(error: unknown): Promise<void> {
    const delayMs = this.#reconnect.delayAfter(error);
    try {
      await this.#terms.wire.pause(delayMs, this.#read.signal, this.#closing.signal);
    } catch (interruption) {
      if (!this.#closing.signal.aborted) {
        throw interruption;
      }
    }
  }

  async #readFrame(): Promise<R | undefined> {
    this.#read.signal?.throwIfAborted();
    this.#stream ??= this.#open(this.#cursor);
    const frame = await this.#stream.next();
    if (frame === undefined) {
      throw new UnavailableError("the stream ended without saying why");
    }
    this.#reconnect.progressed();
    return this.#receive(frame);
  }

  #receive(frame: Frame): R | undefined {
    if (frame.kind.case === "end") {
      this.#end(frame.kind.value);
    }
    const record = recordOf(frame, this.#terms.codec);
    this.#cursor = frame.cursor || (record?.kind === "gap" ? record.cursor : "") || this.#cursor;
    // What is read is what was asked for: the types of records follow from the options.
    return (record?.kind === "gap" ? this.#atGap(record) : record) as R | undefined;
  }

  #end({ reason, message }: End): void {
    if (reason === EndReason.SHUTDOWN && this.#read.outliveShutdown !== false) {
      throw new ClosingError(message || "the server is shutting down");
    }
    if (reason === EndReason.SLOW_READER) {
      throw new SlowReaderError(message || "the reader did not keep up");
    }
    this.#done = true;
  }

  #atGap(gap: Gap): Gap | undefined {
    const onGap = this.#read.onGap ?? "yield";
    if (onGap === "yield") {
      return gap;
    }
    if (onGap === "throw") {
      throw new ResultsMissedError(sentenceOf(gap), gap.message);
    }
    onGap(gap);
    return undefined;
  }

  #hangUp(): void {
    this.#stream?.cancel();
    this.#stream = undefined;
  }
}

function sentenceOf({ missed, logReplaced }: Gap): string {
  const what = missed === undefined ? "an unknown number of results" : `${String(missed)} results`;
  const why = logReplaced ? "the log was replaced" : "they were trimmed from the log";
  return `${what} cannot be given any more: ${why}`;
}
