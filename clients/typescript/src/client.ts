/** The client: one connection to a Millhand server, shared by everything in a program. */

import { create } from "@bufbuild/protobuf";
import type { CallOptions } from "@connectrpc/connect";
import { type Connection, type ClientOptions, openConnection } from "./connection.js";
import { InternalError } from "./errors.js";
import { executeTask, type FullQueueOptions, type WaitForOptions } from "./executing.js";
import { type FilterOptions, taskFilter } from "./filters.js";
import type { Handler } from "./gen/millhand/v1/handler_pb.js";
import type { Task } from "./gen/millhand/v1/task_pb.js";
import {
  type ExplainTaskResponse,
  type GetServerInfoResponse,
  GetCancelledRequestSchema,
  RegisterTasksRequestSchema,
  ShutdownMode,
  type StartWorkersResponse,
  StreamResultsRequestSchema,
  TaskView,
} from "./gen/millhand/v1/task_service_pb.js";
import { newId } from "./ids.js";
import { FullQueue, SYSTEM_CLOCK } from "./patience.js";
import { type Output, PayloadCodec } from "./payloads.js";
import { LogReader, type ReadTerms } from "./reader.js";
import {
  type CancelAnswer,
  type CancelledAll,
  type CancelledTask,
  countsByOutcome,
  countsByStatus,
  type Gap,
  pageOf,
  type Progress,
  type Registered,
  registeredOf,
  type Result,
  type ResultsPage,
  type Waited,
} from "./records.js";
import { registerAll, registerMode, whenThereIsRoom } from "./registering.js";
import { type BatchOptions, Session, type SessionOptions } from "./session.js";
import { int32, type TaskOptions, type TaskRequest, taskSpec } from "./specs.js";
import { Terms } from "./terms.js";
import { checkedMs, optionalDuration } from "./times.js";
import { type Stub, Wire } from "./wire.js";

/** Every method takes a signal, which breaks the call off: it then rejects with the signal's reason. */
export interface SignalOption {
  readonly signal?: AbortSignal | undefined;
}

/** Whether tasks have their payload. */
export interface FullOption {
  readonly full?: boolean | undefined;
}

/** How tasks are listed. */
export interface ListOptions extends FilterOptions, FullOption, SignalOption {
  /** Tasks in a page; left out, as many as the server likes. */
  readonly pageSize?: number | undefined;
  /** `create_time` (the default), `due_time` or `priority`, each also with ` desc`. */
  readonly orderBy?: string | undefined;
}

/** From where to read the log of results and how far, beside which tasks. */
export interface ResultsOptions extends FilterOptions, ReadTerms, FullOption {
  /** Whether to wait for more once caught up, which is so unless it is said. */
  readonly follow?: boolean | undefined;
  /** Ends when every task of `ids` has ended; those that had ended before are given. */
  readonly closeOnCompletion?: boolean | undefined;
  /** Whether to give Progress records, too. */
  readonly includeProgress?: boolean | undefined;
}

/** From where to read what became CANCELLED, and how far. */
export interface CancelledOptions extends ReadTerms {
  /** Whether to wait for more once caught up, which is so unless it is said. */
  readonly follow?: boolean | undefined;
}

/** Gaps do not come as records. */
interface WithoutGaps {
  readonly onGap: "throw" | ((gap: Gap) => void);
}

/** Nor does progress. */
interface WithoutProgress {
  readonly includeProgress?: false | undefined;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_RECONNECT_TIMEOUT_MS = 120_000;

/**
 * A client of one server. Make one and share it: it holds one connection, which opens with the first call and again when it
 * was lost. An idle connection does not keep the process alive; what is under way does.
 *
 * Calls are repeated up to five times while the server cannot be reached, but for `cancelAll`, `cancelAllAndWait` and
 * `shutdown`. Registrations are safe to repeat, because each task has its id before it is sent.
 *
 * Methods reject with {@link MillhandError}, or with the reason of the `signal` that was given.
 */
export class Client implements AsyncDisposable {
  /** The generated client, for what this one does not wrap. It rejects with connect's errors. */
  readonly stub: Stub;
  readonly #connection: Connection;
  readonly #terms: Terms;
  readonly #wire: Wire;

  /**
   * @param address - `host:port`.
   * @param options - Credentials and limits.
   *
   * Throws TypeError if the address is none, certificates are no PEM, or a token would travel in the clear.
   */
  constructor(address: string, options: ClientOptions = {}) {
    const { timeoutMs = DEFAULT_TIMEOUT_MS, reconnectTimeoutMs = DEFAULT_RECONNECT_TIMEOUT_MS } = options;
    this.#connection = openConnection(address, options);
    this.#wire = new Wire(this.#connection.transport, SYSTEM_CLOCK);
    const patienceMs =
      reconnectTimeoutMs === Infinity ? undefined : checkedMs(reconnectTimeoutMs, "reconnectTimeoutMs");
    const codec = new PayloadCodec(options.types);
    this.#terms = new Terms(this.#wire, codec, checkedMs(timeoutMs, "timeoutMs"), patienceMs, options.name ?? "");
    this.stub = this.#wire.stub;
  }

  /**
   * Runs a task and gives its output, as `parse` reads it if that is given.
   *
   * A lost connection is no end: the call joins its task again. When `signal` ends the wait the task goes on, as it does
   * when the client dies; see `cancelOnAbort`.
   *
   * Rejects with TaskFailedError, TaskCancelledError or TaskTimedOutError if the task ended without an output, and with
   * WaitTimedOutError if `timeoutMs` is over.
   */
  execute(
    handler: string,
    payload?: unknown,
    options?: TaskOptions & WaitForOptions<never> & FullQueueOptions & { readonly parse?: undefined },
  ): Promise<Output>;
  execute<T>(
    handler: string,
    payload: unknown,
    options: TaskOptions & WaitForOptions<T> & FullQueueOptions,
  ): Promise<T>;
  async execute<T>(
    handler: string,
    payload?: unknown,
    options: TaskOptions & WaitForOptions<T> & FullQueueOptions = {},
  ): Promise<Output | T> {
    return (await this.executeTask({ ...options, handler, payload }, options)).unwrap(options.parse);
  }

  /** Runs a registered task now, whatever it waits for, and gives its output. Options and errors are those of `execute`. */
  executeRegistered(id: string, options?: WaitForOptions<never> & { readonly parse?: undefined }): Promise<Output>;
  executeRegistered<T>(id: string, options: WaitForOptions<T>): Promise<T>;
  async executeRegistered<T>(id: string, options: WaitForOptions<T> = {}): Promise<Output | T> {
    return (await executeTask(this.#terms, id, options)).unwrap(options.parse);
  }

  /** Runs a task and gives how it ended, which may be a failure: nothing is thrown for that. */
  async executeTask(request: TaskRequest, options: WaitForOptions & FullQueueOptions = {}): Promise<Result> {
    return executeTask(this.#terms, taskSpec(request, this.#terms.codec), options);
  }

  /** Registers a task; its life no longer depends on this client. */
  async register(
    handler: string,
    payload?: unknown,
    options: TaskOptions & FullQueueOptions & SignalOption = {},
  ): Promise<Task> {
    const request = { task: taskSpec({ ...options, handler, payload }, this.#terms.codec) };
    const send = () => this.#call((call) => this.stub.registerTask(request, call), options);
    const { task } = await whenThereIsRoom(send, this.#patience(options), this.#pausing(options));
    return present(task);
  }

  /**
   * Registers tasks in one call, and answers in their order.
   *
   * In mode `atomic` one refusal refuses all and is thrown; in `perItem` it is that answer's `error`. With
   * `retryWhenFullMs` what the full queue refused is sent again, and nothing else.
   */
  async registerMany(
    requests: Iterable<TaskRequest>,
    options: BatchOptions & SignalOption = {},
  ): Promise<Registered[]> {
    const mode = registerMode(options.mode ?? "atomic");
    const specs = Array.from(requests, (request) => taskSpec(request, this.#terms.codec));
    const send = async (tasks: typeof specs) => {
      const request = create(RegisterTasksRequestSchema, { tasks, mode });
      const { results } = await this.#call((call) => this.stub.registerTasks(request, call), options);
      return results.map(registeredOf);
    };
    return registerAll(send, specs, this.#patience(options), this.#pausing(options));
  }

  /** The task; with its payload if `full`. */
  async get(id: string, options: FullOption & SignalOption = {}): Promise<Task> {
    const request = { id, view: viewOf(options) };
    const { task } = await this.#call((call) => this.stub.getTask(request, call), options);
    return present(task);
  }

  /** Every matching task, fetched page by page as they are read. */
  async *list(options: ListOptions = {}): AsyncGenerator<Task, void, undefined> {
    const { pageSize, orderBy, full, signal, ...filter } = options;
    const fixed = {
      filter: taskFilter(filter),
      pageSize: int32(pageSize, "pageSize"),
      orderBy,
      view: viewOf({ full }),
    };
    let pageToken = "";
    do {
      const request = { ...fixed, pageToken };
      const page = await this.#call((call) => this.stub.getTasks(request, call), { signal });
      yield* page.tasks;
      pageToken = page.nextPageToken;
    } while (pageToken);
  }

  /** The tasks that have a live attempt, fetched page by page as they are read. */
  async *active(options: SignalOption = {}): AsyncGenerator<Task, void, undefined> {
    let pageToken = "";
    do {
      const request = { pageToken };
      const page = await this.#call((call) => this.stub.getActiveTasks(request, call), options);
      yield* page.tasks;
      pageToken = page.nextPageToken;
    } while (pageToken);
  }

  /** Why a task is not running, most binding reason first; no reasons if it is final. */
  async explain(id: string, options: SignalOption = {}): Promise<ExplainTaskResponse> {
    return this.#call((call) => this.stub.explainTask({ id }, call), options);
  }

  /**
   * Waits until no matching task is unfinished. Nothing is thrown when `timeoutMs` is over, nor for tasks that failed.
   *
   * @param options - Which tasks; `timeoutMs` 0 looks once, left out it waits as long as it takes.
   */
  async wait(options: FilterOptions & SignalOption & { readonly timeoutMs?: number } = {}): Promise<Waited> {
    const { timeoutMs, signal, ...filter } = options;
    const request = { filter: taskFilter(filter), timeout: optionalDuration(timeoutMs, "timeoutMs") };
    const terms = { timeoutMs: this.#terms.deadlineMs(timeoutMs), signal };
    const { done, counts } = await this.#wire.call((call) => this.stub.wait(request, call), terms);
    return { done, counts: countsByStatus(counts) };
  }

  /**
   * Cancels a task and says what came of it: SIGNALLED means that running code was asked to stop.
   *
   * @param options - `reason` is what the task will say of why; `waitMs`, how long to wait for running code to stop.
   */
  async cancel(
    id: string,
    options: SignalOption & { readonly reason?: string; readonly waitMs?: number } = {},
  ): Promise<CancelAnswer> {
    const { reason, waitMs, signal } = options;
    const request = { id, reason, wait: optionalDuration(waitMs, "waitMs") };
    const terms = { timeoutMs: this.#terms.deadlineMs(waitMs ?? 0), signal };
    const { outcome, task } = await this.#wire.call((call) => this.stub.cancelTask(request, call), terms);
    return { outcome, task: present(task) };
  }

  /** Cancels every matching task that was accepted before; without a filter, every one. Is not repeated. */
  async cancelAll(options: FilterOptions & SignalOption & { readonly reason?: string } = {}): Promise<CancelledAll> {
    const { reason, signal, ...filter } = options;
    const request = { filter: taskFilter(filter), reason };
    const terms = { timeoutMs: this.#terms.timeoutMs, signal, once: true };
    const { counts } = await this.#wire.call((call) => this.stub.cancelAll(request, call), terms);
    return { counts: countsByOutcome(counts), stillRunningIds: [] };
  }

  /** Cancels as `cancelAll` does and waits until all have stopped, or `timeoutMs` is over. Is not repeated. */
  async cancelAllAndWait(
    options: FilterOptions & SignalOption & { readonly reason?: string; readonly timeoutMs?: number } = {},
  ): Promise<CancelledAll> {
    const { reason, timeoutMs, signal, ...filter } = options;
    const request = { filter: taskFilter(filter), reason, timeout: optionalDuration(timeoutMs, "timeoutMs") };
    const terms = { timeoutMs: this.#terms.deadlineMs(timeoutMs), signal, once: true };
    const answer = await this.#wire.call((call) => this.stub.cancelAllAndWait(request, call), terms);
    return { counts: countsByOutcome(answer.counts), stillRunningIds: answer.stillRunningIds };
  }

  /**
   * Results as tasks end, each once, across lost connections and restarts. What the log no longer holds is a Gap among the
   * records, unless `onGap` says otherwise.
   *
   * Reading begins with the reader's `begin`, or with the first record: begin before you start what you wait for.
   */
  results(options: ResultsOptions & WithoutGaps & WithoutProgress): LogReader<Result>;
  results(options: ResultsOptions & WithoutGaps): LogReader<Result | Progress>;
  results(options?: ResultsOptions & WithoutProgress): LogReader<Result | Gap>;
  results(options?: ResultsOptions): LogReader<Result | Gap | Progress>;
  results(options: ResultsOptions = {}): LogReader<Result | Gap | Progress> {
    const { onGap, outliveShutdown, signal, after, full, follow, closeOnCompletion, includeProgress, ...filter } =
      options;
    const fixed = {
      filter: taskFilter(filter),
      follow: follow ?? true,
      closeOnCompletion,
      includeProgress,
      view: viewOf({ full }),
    };
    const open = (cursor: string) => {
      const request = create(StreamResultsRequestSchema, { ...fixed, after: cursor });
      return this.#wire.open((call) => this.stub.streamResults(request, call), signal);
    };
    return new LogReader(this.#terms, open, { after, onGap, outliveShutdown, signal });
  }

  /** Tasks as they become CANCELLED; everything else as in `results`. */
  cancelled(options: CancelledOptions & WithoutGaps): LogReader<CancelledTask>;
  cancelled(options?: CancelledOptions): LogReader<CancelledTask | Gap>;
  cancelled(options: CancelledOptions = {}): LogReader<CancelledTask | Gap> {
    const { follow, signal, ...read } = options;
    const open = (after: string) => {
      const request = create(GetCancelledRequestSchema, { follow: follow ?? true, after });
      return this.#wire.open((call) => this.stub.getCancelled(request, call), signal);
    };
    return new LogReader(this.#terms, open, { ...read, signal });
  }

  /** One page of the log, for those who cannot keep a stream open. Reading takes nothing away. */
  async resultsPage(
    options: FilterOptions & FullOption & SignalOption & { readonly after?: string; readonly pageSize?: number } = {},
  ): Promise<ResultsPage> {
    const { after, pageSize, full, signal, ...filter } = options;
    const size = int32(pageSize, "pageSize");
    const request = { filter: taskFilter(filter), after, pageSize: size, view: viewOf({ full }) };
    return pageOf(await this.#call((call) => this.stub.getResults(request, call), { signal }), this.#terms.codec);
  }

  /** Opens a session. Close it when it is done. */
  session(options: SessionOptions = {}): Session {
    return new Session(this.#terms, options.sessionId || newId(), options.signal);
  }

  /** The server's catalogue. */
  async handlers(options: SignalOption = {}): Promise<Handler[]> {
    return (await this.#call((call) => this.stub.listHandlers({}, call), options)).handlers;
  }

  /** The answering server: its version, node, store, limits and capabilities. */
  async info(options: SignalOption = {}): Promise<GetServerInfoResponse> {
    return this.#call((call) => this.stub.getServerInfo({}, call), options);
  }

  /** Resizes a node's workers: undefined is the configured number, 0 drains all; no `nodeId`, whoever answers. */
  async startWorkers(
    count?: number,
    options: SignalOption & { readonly nodeId?: string } = {},
  ): Promise<StartWorkersResponse> {
    const request = { count: int32(count, "count"), nodeId: options.nodeId };
    return this.#call((call) => this.stub.startWorkers(request, call), options);
  }

  /**
   * Stops a server, which drains for `timeoutMs` (left out: as it is configured) unless `now`. Is not repeated.
   *
   * @returns How many tasks were not final when it stopped; `done` if there were none.
   */
  async shutdown(
    options: SignalOption & { readonly now?: boolean; readonly timeoutMs?: number; readonly nodeId?: string } = {},
  ): Promise<Waited> {
    const { now, timeoutMs, nodeId, signal } = options;
    const mode = now ? ShutdownMode.NOW : ShutdownMode.GRACEFUL;
    const request = { mode, nodeId, timeout: optionalDuration(timeoutMs, "timeoutMs") };
    // A drain of the server's own choosing has no end that is known here.
    const terms = { timeoutMs: this.#terms.deadlineMs(timeoutMs), signal, once: true };
    const { counts } = await this.#wire.call((call) => this.stub.shutdown(request, call), terms);
    return { done: counts.every(({ count }) => count === 0), counts: countsByStatus(counts) };
  }

  /** Ends what is under way, which rejects with ClientClosedError, and closes the connection. Tasks are not touched. */
  close(): void {
    this.#connection.close(this.#wire.close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** A call with the client's own limit of time. */
  #call<T>(perform: (options: CallOptions) => Promise<T>, { signal }: SignalOption): Promise<T> {
    return this.#wire.call(perform, { timeoutMs: this.#terms.timeoutMs, signal });
  }

  #patience({ retryWhenFullMs }: FullQueueOptions): FullQueue {
    return new FullQueue(retryWhenFullMs, this.#wire.clock);
  }

  #pausing({ signal }: SignalOption): (ms: number) => Promise<void> {
    return (ms) => this.#wire.pause(ms, signal);
  }
}

function viewOf({ full }: FullOption): TaskView {
  return full ? TaskView.FULL : TaskView.BASIC;
}

function present(task: Task | undefined): Task {
  if (task === undefined) {
    throw new InternalError("the answer has no task");
  }
  return task;
}
