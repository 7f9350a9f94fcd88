/**
 * What a caller reads: results, gaps, progress, answers.
 *
 * Tasks are the wire's own messages, typed and complete; a record exists where it adds a decoded value or an error. Numbers
 * that a newer server has for a status or an outcome stay numbers.
 */

import { timestampDate } from "@bufbuild/protobuf/wkt";
import { InternalError, type MillhandError, type TaskDidNotCompleteError, UnexpectedOutputError } from "./errors.js";
import { type Result as ResultMessage, type StatusCount, type Task, TaskStatus } from "./gen/millhand/v1/task_pb.js";
import type {
  CancelCount,
  CancelOutcome,
  CancelResult,
  Gap as GapMessage,
  GetCancelledResponse,
  GetResultsResponse,
  ProgressUpdate,
  RegisterResult,
  StreamResultsResponse,
} from "./gen/millhand/v1/task_service_pb.js";
import type { Output, PayloadCodec } from "./payloads.js";
import { errorFromResult, errorFromStatus } from "./status.js";

/** Reads an output as what a caller wants of it, and throws if it is none: `schema.parse` of a validation library. */
export type Parse<T> = (output: unknown) => T;

/** How a task ended. */
export class Result {
  /** Tells records apart. */
  readonly kind = "result";
  /** The wire's own, of which everything else is read. */
  readonly message: ResultMessage;
  readonly task: Task;
  readonly #codec: PayloadCodec;
  #output: { readonly value: Output } | undefined;
  #error: TaskDidNotCompleteError | undefined;

  /** @internal */
  constructor(message: ResultMessage, codec: PayloadCodec) {
    if (message.task === undefined) {
      throw new InternalError("a result came without its task");
    }
    this.message = message;
    this.task = message.task;
    this.#codec = codec;
  }

  /** The status that the task ended with. */
  get status(): TaskStatus {
    return this.task.status;
  }

  /** Where this result stands in the log: give it as `after` to go on behind it. */
  get cursor(): string {
    return this.message.cursor;
  }

  /** What the handler returned; null if the task did not complete. */
  get output(): Output {
    this.#output ??= { value: this.#codec.decode(this.message.output) };
    return this.#output.value;
  }

  /** Why there is no output; undefined if the task completed. */
  get error(): TaskDidNotCompleteError | undefined {
    this.#error ??= errorFromResult(this.message);
    return this.#error;
  }

  /**
   * The output, as `parse` reads it.
   *
   * Throws TaskDidNotCompleteError if the task ended without one, and UnexpectedOutputError if `parse` throws.
   */
  unwrap(): Output;
  unwrap<T>(parse: Parse<T>): T;
  unwrap<T>(parse: Parse<T> | undefined): Output | T;
  unwrap<T>(parse?: Parse<T>): Output | T {
    if (this.error !== undefined) {
      throw this.error;
    }
    return parse ? this.#parsed(parse) : this.output;
  }

  #parsed<T>(parse: Parse<T>): T {
    try {
      return parse(this.output);
    } catch (cause) {
      const metadata = { task_id: this.task.id };
      throw new UnexpectedOutputError("the output is not what the caller takes", { cause, metadata });
    }
  }

  /** Without the payload, which never goes into logs. */
  toString(): string {
    // A newer server's status has no name here.
    const name = TaskStatus[this.status] as string | undefined;
    return `Result(${this.task.id}, ${name ?? String(this.status)}, ${this.cursor})`;
  }
}

/** Results that cannot be given any more: trimmed, or of a log that was replaced. */
export interface Gap {
  readonly kind: "gap";
  /** How many there were; undefined if nobody knows. */
  readonly missed: number | undefined;
  /** Whether it is another log: the store was replaced, or the memory store restarted. */
  readonly logReplaced: boolean;
  /** Reading goes on behind this. */
  readonly cursor: string;
  /** The wire's own. */
  readonly message: GapMessage;
}

/** How far an attempt is: the latest word of its handler. */
export interface Progress {
  readonly kind: "progress";
  readonly taskId: string;
  readonly attempt: number;
  /** From 0 to 1. */
  readonly fraction: number;
  /** For people; may be empty. */
  readonly message: string;
  readonly updateTime: Date | undefined;
}

/** A task that became CANCELLED, and its place in the log. */
export interface CancelledTask {
  readonly kind: "cancelled";
  readonly task: Task;
  readonly cursor: string;
}

/** What became of one task of a batch: either `task`, `created` unless it was known, or `error`. */
export type Registered =
  | { readonly task: Task; readonly created: boolean; readonly error?: undefined }
  | { readonly task?: undefined; readonly created: false; readonly error: MillhandError };

/** What became of one cancel: what came of it, and the task after it. */
export interface CancelAnswer {
  readonly outcome: CancelOutcome;
  readonly task: Task;
}

/** What became of one id of a batch of cancels: `outcome`, or `error`. */
export interface CancelledId {
  readonly id: string;
  readonly outcome: CancelOutcome;
  readonly error: MillhandError | undefined;
}

/** How many tasks met which outcome; at most 1000 ids of those that still ran when the wait was over. */
export interface CancelledAll {
  readonly counts: ReadonlyMap<CancelOutcome, number>;
  readonly stillRunningIds: readonly string[];
}

/** `done` if no matching task was unfinished at one instant; `counts` is by status at the end. */
export interface Waited {
  readonly done: boolean;
  readonly counts: ReadonlyMap<TaskStatus, number>;
}

/** A page of the log. `nextCursor` is never empty: ask again from there, also when the page is empty. */
export interface ResultsPage {
  readonly results: readonly Result[];
  readonly nextCursor: string;
  readonly gap: Gap | undefined;
}

/** @internal */
export function gapOf(message: GapMessage, cursor: string): Gap {
  const missed = message.missed === undefined ? undefined : Number(message.missed);
  return { kind: "gap", missed, logReplaced: message.logReplaced, cursor: cursor || message.toCursor, message };
}

/** @internal */
export function progressOf({ taskId, attempt, progress }: ProgressUpdate): Progress {
  return {
    kind: "progress",
    taskId,
    attempt,
    fraction: progress?.fraction ?? 0,
    message: progress?.message ?? "",
    updateTime: progress?.updateTime && timestampDate(progress.updateTime),
  };
}

/** The record in a frame; undefined if it only brings the cursor on. @internal */
export function recordOf(
  frame: StreamResultsResponse | GetCancelledResponse,
  codec: PayloadCodec,
): Result | Gap | Progress | CancelledTask | undefined {
  switch (frame.kind.case) {
    case "result":
      return new Result(frame.kind.value, codec);
    case "progress":
      return progressOf(frame.kind.value);
    case "task":
      return { kind: "cancelled", task: frame.kind.value, cursor: frame.cursor };
    case "gap":
      return gapOf(frame.kind.value, frame.cursor);
    default:
      return undefined;
  }
}

/** @internal */
export function pageOf({ results, nextCursor, gap }: GetResultsResponse, codec: PayloadCodec): ResultsPage {
  return { results: results.map((one) => new Result(one, codec)), nextCursor, gap: gap && gapOf(gap, "") };
}

/** @internal */
export function registeredOf({ task, created, error }: RegisterResult): Registered {
  if (task !== undefined && error === undefined) {
    return { task, created };
  }
  const unsaid = () => new InternalError("the answer has neither a task nor an error");
  return { created: false, error: error ? errorFromStatus(error) : unsaid() };
}

/** @internal */
export function cancelledIdOf({ id, outcome, error }: CancelResult): CancelledId {
  return { id, outcome, error: error && errorFromStatus(error) };
}

/** @internal */
export function countsByStatus(counts: readonly StatusCount[]): ReadonlyMap<TaskStatus, number> {
  return new Map(counts.map(({ status, count }) => [status, count]));
}

/** @internal */
export function countsByOutcome(counts: readonly CancelCount[]): ReadonlyMap<CancelOutcome, number> {
  return new Map(counts.map(({ outcome, count }) => [outcome, count]));
}
