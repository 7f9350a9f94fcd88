/** A session over one bidirectional stream, which is opened again when it breaks. */

import { create } from "@bufbuild/protobuf";
import { ClientClosedError, DeadlineExceededError, InternalError, invalid, UnavailableError } from "./errors.js";
import type { FullQueueOptions } from "./executing.js";
import { type FilterOptions, taskFilter } from "./filters.js";
import type { Task } from "./gen/millhand/v1/task_pb.js";
import {
  SessionCancelSchema,
  SessionRegisterSchema,
  type SessionRequest,
  type SessionResponse,
  SessionSubscribeSchema,
  SessionUnsubscribeSchema,
  SubscribeScope,
  TaskView,
} from "./gen/millhand/v1/task_service_pb.js";
import { Outbox } from "./outbox.js";
import { FullQueue, Reconnect } from "./patience.js";
import type { CancelledId, Registered } from "./records.js";
import { type BatchMode, registerAll, registerMode } from "./registering.js";
import { type Answer, type RequestKind, type SessionRecord, SessionState } from "./sessionState.js";
import { type TaskOptions, type TaskRequest, taskSpec } from "./specs.js";
import type { Terms } from "./terms.js";
import { checkedMs } from "./times.js";
import type { FrameStream } from "./wire.js";

/** How a session is opened. */
export interface SessionOptions {
  /** The id of an earlier session, to go on with its tasks; left out, a new one. */
  readonly sessionId?: string | undefined;
  /** Hangs up for good. */
  readonly signal?: AbortSignal | undefined;
}

/** Which results a session gives. */
export interface SubscribeOptions extends FilterOptions {
  /**
   * True gives the results of every task, otherwise of this session's own, also of those registered before a reconnect. The
   * filter applies to both.
   */
  readonly everyone?: boolean | undefined;
  /** The cursor to go on from. Empty means all that is retained for own tasks or `ids`, else from now on. */
  readonly after?: string | undefined;
  /** Whether to give Progress records, too. */
  readonly includeProgress?: boolean | undefined;
  /** Whether the results' tasks have their payload. */
  readonly full?: boolean | undefined;
}

/** How a batch is registered. */
export interface BatchOptions extends FullQueueOptions {
  /** Left out: `atomic`. */
  readonly mode?: BatchMode | undefined;
}

/** Requests without an answer at which a session sends no more, so that a dead server fills no memory. */
const MAX_PENDING = 64;

interface Waiting {
  readonly holds: () => boolean;
  readonly resolve: () => void;
}

/**
 * Registrations, cancels and results over one stream, for those who send a lot.
 *
 * Requests take effect in the order in which the methods are called, and need not be awaited one by one. A session that
 * breaks is opened again, sends what was not answered once more, and goes on behind the last record that was read.
 */
export class Session implements AsyncDisposable {
  readonly #terms: Terms;
  readonly #state: SessionState;
  readonly #reconnect: Reconnect;
  readonly #signal: AbortSignal | undefined;
  readonly #hungUp = new AbortController();
  readonly #unsent: { readonly kind: RequestKind; readonly onAnswer: (answer: Answer) => void }[] = [];
  readonly #unanswered = new Map<string, (answer: Answer) => void>();
  readonly #waiting = new Set<Waiting>();
  readonly #life: Promise<void>;
  #outbox: Outbox<SessionRequest> | undefined;
  #stream: FrameStream<SessionResponse> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #finishing = false;
  #closing = false;
  #over = false;

  /** @internal */
  constructor(terms: Terms, sessionId: string, signal: AbortSignal | undefined) {
    this.#terms = terms;
    this.#state = new SessionState(sessionId, terms.name, terms.codec);
    this.#reconnect = new Reconnect(terms.reconnectTimeoutMs, terms.wire.clock);
    this.#signal = signal;
    this.#life = this.#live();
  }

  /** What the server labels this session's tasks with. */
  get id(): string {
    return this.#state.sessionId;
  }

  /** Everything up to here has been read, frame by frame; empty before the server has named a place. */
  get cursor(): string {
    return this.#state.cursor;
  }

  /**
   * Registers one task. Rejects with MillhandError if the server refuses it, and with DeadlineExceededError if no answer
   * comes within the client's `timeoutMs`; then the task may still be registered.
   */
  async register(handler: string, payload?: unknown, options: TaskOptions & FullQueueOptions = {}): Promise<Task> {
    const request = { ...options, handler, payload };
    const [registered] = await this.registerMany([request], { ...options, mode: "perItem" });
    if (registered?.task === undefined) {
      throw registered?.error ?? new InternalError("the answer has neither a task nor an error");
    }
    return registered.task;
  }

  /** Registers tasks; the answers are in their order. See the client's `registerMany`. */
  async registerMany(requests: Iterable<TaskRequest>, options: BatchOptions = {}): Promise<Registered[]> {
    const mode = registerMode(options.mode ?? "atomic");
    const specs = Array.from(requests, (request) => taskSpec(request, this.#terms.codec));
    const patience = new FullQueue(options.retryWhenFullMs, this.#terms.wire.clock);
    return registerAll(
      async (tasks) => {
        const value = create(SessionRegisterSchema, { tasks, mode });
        return (await this.#ask({ case: "register", value })) as Registered[];
      },
      specs,
      patience,
      (ms) => this.#terms.wire.pause(ms, this.#hungUp.signal),
    );
  }

  /** Asks for tasks to be cancelled; the answers are in order. */
  async cancel(ids: readonly string[], reason = ""): Promise<CancelledId[]> {
    if (typeof ids === "string") {
      throw invalid("ids", `is one string, ${JSON.stringify(ids)}: give a list`);
    }
    const value = create(SessionCancelSchema, { ids: [...ids], reason });
    return (await this.#ask({ case: "cancel", value })) as CancelledId[];
  }

  /**
   * Starts the results; a second subscription replaces the first, whose unread results may be lost.
   *
   * @returns The cursor that the results start behind.
   */
  async subscribe(options: SubscribeOptions = {}): Promise<string> {
    const { everyone, after, includeProgress, full, ...filter } = options;
    const value = create(SessionSubscribeSchema, {
      after,
      includeProgress,
      view: full ? TaskView.FULL : TaskView.BASIC,
      scope: everyone ? SubscribeScope.FILTER : SubscribeScope.OWN,
      filter: taskFilter(filter),
    });
    return (await this.#ask({ case: "subscribe", value })) as string;
  }

  /** Stops the results and gives the cursor up to which they came; those unread can still be read. */
  async unsubscribe(): Promise<string> {
    const value = create(SessionUnsubscribeSchema);
    return (await this.#ask({ case: "unsubscribe", value })) as string;
  }

  /**
   * The subscription's records as they come, each once. Ends when the session has: after `finish`, once the server has
   * delivered everything. Throws MillhandError if the session broke for good, behind what had come before. Leaving the loop
   * leaves the session open.
   */
  async *results(): AsyncGenerator<SessionRecord, void, undefined> {
    for (;;) {
      await this.#until(() => this.#state.hasUnread || this.#over);
      const record = this.#state.nextRecord();
      this.#giveCredit();
      this.#notify();
      if (record !== undefined) {
        yield record;
      } else if (this.#failure) {
        throw this.#failure.error;
      } else if (this.#over) {
        return;
      }
    }
  }

  /** Says that nothing more will be sent; `results` then ends once this session's tasks are done. */
  finish(): void {
    this.#finishing = true;
    this.#sendUnsent();
  }

  /**
   * Ends the session.
   *
   * @param options - `drain` waits for what the server still delivers, up to the credit; what was not read can be read
   *   afterwards. `timeoutMs` bounds that; left out, it lasts as long as this session's tasks. Without `drain` it hangs up
   *   at once, as `await using` does.
   */
  async close(options: { readonly drain?: boolean; readonly timeoutMs?: number } = {}): Promise<void> {
    this.finish();
    this.#closing = true;
    this.#notify();
    if (options.drain) {
      await this.#until(() => this.#over, options.timeoutMs);
    }
    this.#hungUp.abort();
    this.#hangUp();
    await this.#life;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Keeps a stream open until the session is over. */
  async #live(): Promise<void> {
    try {
      while (!this.#state.done && !this.#hungUp.signal.aborted) {
        await this.#liveOneStream();
        if (this.#state.starved && !(await this.#readerCaughtUp())) {
          break;
        }
      }
    } catch (error) {
      this.#failure = this.#hungUp.signal.aborted ? undefined : { error };
    } finally {
      this.#end();
    }
  }

  /** Opens a stream and reads it to its end; pauses before it returns if another one is to follow. */
  async #liveOneStream(): Promise<void> {
    try {
      await this.#readStream(this.#open());
      if (!this.#state.done && !this.#state.starved) {
        throw new UnavailableError("the session's stream ended without a goodbye");
      }
    } catch (error) {
      this.#hangUp();
      if (!this.#hungUp.signal.aborted) {
        await this.#terms.wire.pause(this.#reconnect.delayAfter(error), this.#signal, this.#hungUp.signal);
      }
    }
    this.#hangUp();
  }

  #open(): FrameStream<SessionResponse> {
    this.#signal?.throwIfAborted();
    const { wire } = this.#terms;
    const outbox = new Outbox<SessionRequest>();
    this.#outbox = outbox;
    this.#stream = wire.open((options) => wire.stub.session(outbox, options), this.#signal);
    for (const request of this.#state.opening()) {
      outbox.push(request);
    }
    if (this.#state.finished) {
      outbox.end();
    }
    return this.#stream;
  }

  async #readStream(stream: FrameStream<SessionResponse>): Promise<void> {
    for (;;) {
      const response = await stream.next();
      if (response === undefined) {
        return;
      }
      this.#reconnect.progressed();
      const answer = this.#state.receive(response);
      if (answer) {
        this.#unanswered.get(answer.requestId)?.(answer);
        this.#unanswered.delete(answer.requestId);
        this.#sendUnsent();
      }
      this.#notify();
    }
  }

  /** Waits until what the credit bought has been read; false if nobody is to read any more. */
  async #readerCaughtUp(): Promise<boolean> {
    await this.#until(() => this.#closing || !this.#state.hasUnread);
    return !this.#closing;
  }

  #giveCredit(): void {
    const credit = this.#outbox && this.#state.creditDue();
    if (credit) {
      this.#outbox?.push(credit);
    }
  }

  async #ask(kind: RequestKind): Promise<unknown> {
    const answers: Answer[] = [];
    if (this.#over || this.#finishing) {
      throw this.#lost("the session is finished: it sends nothing more");
    }
    this.#unsent.push({ kind, onAnswer: (answer) => answers.push(answer) });
    this.#sendUnsent();
    const inTime = await this.#until(() => answers.length > 0, this.#terms.timeoutMs || undefined);
    const [answer] = answers;
    if (!inTime || answer === undefined) {
      throw new DeadlineExceededError("the session got no answer in time; what was asked may still happen");
    }
    if ("error" in answer) {
      throw answer.error;
    }
    return answer.value;
  }

  #sendUnsent(): void {
    while (this.#unsent.length > 0 && this.#state.pending < MAX_PENDING && !this.#state.done) {
      for (const { kind, onAnswer } of this.#unsent.splice(0, 1)) {
        const request = this.#state.request(kind);
        this.#unanswered.set(request.requestId, onAnswer);
        this.#outbox?.push(request);
      }
    }
    if (this.#finishing && this.#unsent.length === 0) {
      this.#state.finished = true;
      this.#outbox?.end();
    }
  }

  #hangUp(): void {
    this.#outbox?.end();
    this.#outbox = undefined;
    this.#stream?.cancel();
    this.#stream = undefined;
  }

  #end(): void {
    this.#hangUp();
    this.#over = true;
    const unanswered = [...this.#unanswered.values(), ...this.#unsent.map(({ onAnswer }) => onAnswer)];
    for (const onAnswer of unanswered) {
      onAnswer({ requestId: "", error: this.#lost("the session ended before this was answered") });
    }
    this.#notify();
  }

  /** What broke the session, or else that it is closed. */
  #lost(sentence: string): unknown {
    return this.#failure?.error ?? new ClientClosedError(sentence);
  }

  /** Whether something came to hold in time. */
  async #until(holds: () => boolean, timeoutMs?: number): Promise<boolean> {
    if (holds()) {
      return true;
    }
    const ms = timeoutMs === undefined ? undefined : checkedMs(timeoutMs, "timeoutMs");
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      const waiting = { holds, resolve };
      this.#waiting.add(waiting);
      timer =
        ms === undefined
          ? undefined
          : setTimeout(() => {
              this.#stopWaiting(waiting);
            }, ms);
    });
    clearTimeout(timer);
    return holds();
  }

  #stopWaiting(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    waiting.resolve();
  }

  /** Wakes those whose condition holds now. */
  #notify(): void {
    for (const waiting of this.#waiting) {
      if (waiting.holds()) {
        this.#stopWaiting(waiting);
      }
    }
  }
}
