/** A client's I/O: calls and streams over its one connection, and the pauses between them. */

import { type CallOptions, type Client, createClient, type Transport } from "@connectrpc/connect";
import { ClientClosedError, MillhandError } from "./errors.js";
import { TaskService } from "./gen/millhand/v1/task_service_pb.js";
import { newRequestId } from "./ids.js";
import { CallRetry, type Clock } from "./patience.js";
import { errorFromCall } from "./status.js";

/** The generated client. */
export type Stub = Client<typeof TaskService>;

/** How one call is made. */
export interface CallTerms {
  /** How long it may take, retries included; undefined or 0 for no limit. */
  readonly timeoutMs?: number | undefined;
  /** Breaks it off. */
  readonly signal?: AbortSignal | undefined;
  /** Whether a second try might do what the first has done already. */
  readonly once?: boolean;
}

/** An open stream of frames. */
export interface FrameStream<Frame> {
  /** The next frame; undefined at the end. Rejects with MillhandError, or with the signal's reason. */
  next(): Promise<Frame | undefined>;
  /** Hangs up. Harmless when the stream is over. */
  cancel(): void;
}

/** Calls and streams, until it is closed. */
export class Wire {
  readonly stub: Stub;
  readonly clock: Clock;
  readonly #closed = new AbortController();

  constructor(transport: Transport, clock: Clock) {
    this.stub = createClient(TaskService, transport);
    this.clock = clock;
  }

  /** The answer to a unary call, which is repeated while the server cannot be reached and time is left. */
  async call<T>(perform: (options: CallOptions) => Promise<T>, terms: CallTerms): Promise<T> {
    const giveUpAt = terms.timeoutMs ? this.clock.now() + terms.timeoutMs : Infinity;
    const retry = new CallRetry(this.clock);
    for (;;) {
      try {
        return await this.#attempt(perform, giveUpAt, terms.signal);
      } catch (error) {
        if (terms.once || !(error instanceof MillhandError)) {
          throw error;
        }
        const delayMs = retry.delayAfter(error);
        if (this.clock.now() + delayMs >= giveUpAt) {
          throw error;
        }
        await this.pause(delayMs, terms.signal);
      }
    }
  }

  /** Opens a stream. */
  open<Frame>(begin: (options: CallOptions) => AsyncIterable<Frame>, signal?: AbortSignal): FrameStream<Frame> {
    const requestId = newRequestId();
    const { controller, unlink } = linked([this.#closed.signal, signal]);
    const frames = begin({ signal: controller.signal, headers: headersOf(requestId) })[Symbol.asyncIterator]();
    return {
      next: async () => {
        try {
          const frame = await frames.next();
          return frame.done ? undefined : frame.value;
        } catch (error) {
          unlink();
          throw this.#mapped(error, requestId, signal);
        }
      },
      cancel: () => {
        unlink();
        controller.abort();
      },
    };
  }

  /** Waits before something is tried again. Rejects when the client is closed, or with a signal's reason. */
  async pause(ms: number, ...signals: readonly (AbortSignal | undefined)[]): Promise<void> {
    const { controller, unlink } = linked([this.#closed.signal, ...signals]);
    try {
      await this.clock.sleep(ms, controller.signal);
    } finally {
      unlink();
    }
  }

  /** Ends what is under way. */
  close(): Error {
    const reason = new ClientClosedError("the client is closed");
    this.#closed.abort(reason);
    return reason;
  }

  async #attempt<T>(
    perform: (options: CallOptions) => Promise<T>,
    giveUpAt: number,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    this.#closed.signal.throwIfAborted();
    signal?.throwIfAborted();
    const requestId = newRequestId();
    // Connect takes 0 for no limit.
    const timeoutMs = giveUpAt === Infinity ? 0 : Math.max(1, Math.ceil(giveUpAt - this.clock.now()));
    try {
      return await perform({ timeoutMs, headers: headersOf(requestId), ...(signal ? { signal } : {}) });
    } catch (error) {
      throw this.#mapped(error, requestId, signal);
    }
  }

  #mapped(error: unknown, requestId: string, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted) {
      return signal.reason;
    }
    return this.#closed.signal.aborted ? this.#closed.signal.reason : errorFromCall(error, requestId);
  }
}

function headersOf(requestId: string): Record<string, string> {
  return { "x-request-id": requestId };
}

/**
 * A controller that aborts with the first of some signals. Unlike AbortSignal.any it can be taken off them again, which
 * a signal that outlives many calls needs.
 */
function linked(signals: readonly (AbortSignal | undefined)[]) {
  const controller = new AbortController();
  const links = signals.filter((signal) => signal !== undefined);
  const unlink = () => {
    links.forEach((signal) => {
      signal.removeEventListener("abort", abort);
    });
  };
  function abort(this: AbortSignal): void {
    controller.abort(this.reason);
  }
  for (const signal of links) {
    signal.addEventListener("abort", abort);
    if (signal.aborted) {
      controller.abort(signal.reason);
    }
  }
  return { controller, unlink };
}
