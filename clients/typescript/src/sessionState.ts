/** The state of one session across connections: what is unanswered, what is unread, how it opens again. */

import { create } from "@bufbuild/protobuf";
import { ClientClosedError, ClosingError, SlowReaderError } from "./errors.js";
import type { TaskSpec } from "./gen/millhand/v1/task_pb.js";
import {
  EndReason,
  RegisterMode,
  type SessionError,
  type SessionGoodbye,
  type SessionRegistered,
  type SessionRequest,
  SessionRequestSchema,
  type SessionResponse,
  type SessionResults,
  type SessionSubscribe,
  SessionSubscribeSchema,
} from "./gen/millhand/v1/task_service_pb.js";
import type { PayloadCodec } from "./payloads.js";
import { cancelledIdOf, type Gap, gapOf, type Progress, progressOf, registeredOf, Result } from "./records.js";
import { errorFromStatus } from "./status.js";

/** What a session gives. */
export type SessionRecord = Result | Gap | Progress;

/** A request without its id. */
export type RequestKind = SessionRequest["kind"];

/** What a request came to: a value, whose type follows from the request, or an error. */
export type Answer =
  { readonly requestId: string; readonly value: unknown } | { readonly requestId: string; readonly error: unknown };

interface Unread {
  record: SessionRecord;
  /** Where the reader stands once it has taken this record; empty in the midst of a frame. */
  cursor: string;
}

/** The credit in results that a stream starts with, where no `welcome` says otherwise. */
const START_CREDIT = 1000;
/** How many tasks one request may register. */
const MAX_BATCH = 1000;

/**
 * One session, whatever number of streams it takes.
 *
 * A broken stream is opened anew under the same session id. Requests without an answer are sent again, which their ids make
 * harmless, and results start from the last one that was read: those that were not are dropped here and given again, so a
 * reader that is slow across many reconnects still holds one credit's worth.
 */
export class SessionState {
  readonly sessionId: string;
  /**
   * Everything up to here has been read; empty until the server has named a place. It moves frame by frame, for a frame may
   * hold results that are older than those before it.
   */
  cursor = "";
  /** The server said that nothing more comes. */
  done = false;
  /** The server stopped for want of credit; a new stream brings more. */
  starved = false;
  /** No more requests are to be sent. */
  finished = false;

  readonly #clientName: string;
  readonly #codec: PayloadCodec;
  readonly #pending = new Map<string, SessionRequest>();
  #requests = 0;
  #subscription: SessionSubscribe | undefined;
  #unread: Unread[] = [];
  readonly #unreadProgress = new Map<string, Unread>();
  /** Tasks whose results were read behind `cursor`, and would come again after a reconnect. */
  readonly #readBehindCursor = new Set<string>();
  /** Tasks that others had registered first: ours on a stream only after it has registered them, too. */
  readonly #adopted = new Map<string, TaskSpec>();
  #credit = START_CREDIT;
  #readSinceGrant = 0;

  constructor(sessionId: string, clientName: string, codec: PayloadCodec) {
    this.sessionId = sessionId;
    this.#clientName = clientName;
    this.#codec = codec;
  }

  get hasUnread(): boolean {
    return this.#unread.length > 0;
  }

  /** How many requests have no answer yet. */
  get pending(): number {
    return this.#pending.size;
  }

  /** A request to send now, and again until it is answered. Throws ClientClosedError if the session is finished. */
  request(kind: RequestKind): SessionRequest {
    if (this.finished || this.done) {
      throw new ClientClosedError("the session is finished: it sends nothing more");
    }
    this.#requests += 1;
    const request = create(SessionRequestSchema, { requestId: String(this.#requests), kind });
    this.#pending.set(request.requestId, request);
    return request;
  }

  /** What a new stream starts with: who we are, the subscription as far as read, what is unanswered. */
  opening(): SessionRequest[] {
    this.#unread = [];
    this.#unreadProgress.clear();
    this.#credit = START_CREDIT;
    this.#readSinceGrant = 0;
    this.starved = false;
    const hello = { clientName: this.#clientName, sessionId: this.sessionId };
    const first = create(SessionRequestSchema, { requestId: "hello", kind: { case: "hello", value: hello } });
    return [first, ...this.#resumption(), ...this.#adoptions(), ...this.#pending.values()];
  }

  /**
   * Takes one response in; returns the answer to a request, if it is one.
   *
   * Throws ClosingError when the server shuts down, and another connection may go on; and the error that answers no
   * request: the session cannot go on.
   */
  receive({ requestId, kind }: SessionResponse): Answer | undefined {
    switch (kind.case) {
      case "welcome":
        this.#credit = kind.value.credit || START_CREDIT;
        return undefined;
      case "results":
        this.#takeResults(kind.value);
        return undefined;
      case "progress":
        this.#keepLatest(progressOf(kind.value));
        return undefined;
      case "gap":
        this.#unread.push({ record: gapOf(kind.value, ""), cursor: kind.value.toCursor });
        return undefined;
      case "goodbye":
        this.#end(kind.value);
        return undefined;
      case "error":
        return this.#refused(requestId, kind.value);
      default:
        return this.#answered(requestId, kind);
    }
  }

  /** The oldest unread record, which counts as read from now on; undefined if there is none. */
  nextRecord(): SessionRecord | undefined {
    const item = this.#unread.shift();
    if (item?.record.kind === "progress") {
      this.#unreadProgress.delete(item.record.taskId);
    } else if (item?.record.kind === "result") {
      this.#readSinceGrant += 1;
      this.#readBehindCursor.add(item.record.task.id);
      this.#adopted.delete(item.record.task.id);
    }
    this.#advance(item?.cursor ?? "");
    return item?.record;
  }

  /** New credit for what was read, once that is half of what the server granted itself at the start. */
  creditDue(): SessionRequest | undefined {
    if (this.finished || this.#readSinceGrant * 2 < this.#credit) {
      return undefined;
    }
    const results = this.#readSinceGrant;
    this.#readSinceGrant = 0;
    return create(SessionRequestSchema, { kind: { case: "credit", value: { results } } });
  }

  #resumption(): SessionRequest[] {
    if (this.#subscription === undefined) {
      return [];
    }
    const after = this.cursor || this.#subscription.after;
    const value = create(SessionSubscribeSchema, { ...this.#subscription, after });
    return [create(SessionRequestSchema, { requestId: "resume", kind: { case: "subscribe", value } })];
  }

  #adoptions(): SessionRequest[] {
    const specs = [...this.#adopted.values()];
    const requests: SessionRequest[] = [];
    for (let start = 0; start < specs.length; start += MAX_BATCH) {
      const value = { tasks: specs.slice(start, start + MAX_BATCH), mode: RegisterMode.PER_ITEM };
      requests.push(create(SessionRequestSchema, { requestId: "adopt", kind: { case: "register", value } }));
    }
    return requests;
  }

  #takeResults(frame: SessionResults): void {
    for (const result of frame.results) {
      if (this.#readBehindCursor.has(result.task?.id ?? "")) {
        this.#readSinceGrant += 1;
      } else {
        this.#unread.push({ record: new Result(result, this.#codec), cursor: "" });
      }
    }
    this.#move(frame.cursor);
  }

  #answered(requestId: string, kind: SessionResponse["kind"]): Answer | undefined {
    const request = this.#pending.get(requestId);
    if (request === undefined) {
      // Resuming is answered too, and must not move a reader that has not read what comes next.
      return undefined;
    }
    this.#pending.delete(requestId);
    switch (kind.case) {
      case "registered":
        return { requestId, value: this.#registered(request, kind.value) };
      case "cancelled":
        return { requestId, value: kind.value.results.map(cancelledIdOf) };
      case "subscribed":
        this.#subscription = request.kind.case === "subscribe" ? request.kind.value : this.#subscription;
        this.#move(kind.value.cursor);
        return { requestId, value: kind.value.cursor };
      case "unsubscribed":
        this.#subscription = undefined;
        return { requestId, value: kind.value.cursor };
      default:
        return { requestId, value: undefined };
    }
  }

  #registered(request: SessionRequest, { results }: SessionRegistered) {
    const answers = results.map(registeredOf);
    const specs = request.kind.case === "register" ? request.kind.value.tasks : [];
    specs.forEach((spec, index) => {
      const task = answers[index]?.task;
      if (task && task.sessionId !== this.sessionId) {
        this.#adopted.set(task.id, spec);
      }
    });
    return answers;
  }

  #refused(requestId: string, { status }: SessionError): Answer | undefined {
    const error = errorFromStatus(status);
    if (!this.#pending.has(requestId)) {
      throw error;
    }
    if (error instanceof ClosingError) {
      // The goodbye is on its way; the next connection sends the request again.
      return undefined;
    }
    this.#pending.delete(requestId);
    return { requestId, error };
  }

  /** Moves the reader on to `cursor`, as soon as it has read what came before it. */
  #move(cursor: string): void {
    const last = this.#unread.at(-1);
    if (last) {
      last.cursor = cursor || last.cursor;
    } else {
      this.#advance(cursor);
    }
  }

  #advance(cursor: string): void {
    if (cursor) {
      this.cursor = cursor;
      this.#readBehindCursor.clear();
    }
  }

  /** Replaces an unread progress of the same task: a reader that pauses holds at most one for each. */
  #keepLatest(progress: Progress): void {
    const waiting = this.#unreadProgress.get(progress.taskId);
    if (waiting) {
      waiting.record = progress;
      return;
    }
    const item = { record: progress, cursor: "" };
    this.#unread.push(item);
    this.#unreadProgress.set(progress.taskId, item);
  }

  #end({ reason, cursor }: SessionGoodbye): void {
    this.#move(cursor);
    switch (reason) {
      case EndReason.SHUTDOWN:
        throw new ClosingError("the server is shutting down");
      case EndReason.SLOW_READER:
        throw new SlowReaderError("the session did not keep up with its results");
      case EndReason.CREDIT_SPENT:
        this.starved = true;
        return;
      default:
        this.done = true;
    }
  }
}
