/** The steps that a case may have, each by the client's own means. */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { CancelledTask, Gap, Progress, Result, Session } from "millhand";
import * as v1 from "millhand/v1";
import * as wire from "./gen/millhand/conformance/v1/conformance_pb.js";
import { sessionLoad, unaryLoad } from "./load.js";
import type { Stage } from "./player.js";
import { cancelledAllOf, failureOf, progressOf, registeredOf, resultOf, valueOf, waitedOf } from "./showing.js";
import { filterOf, ms, optionsOf, payloadOf, requestOf } from "./tasks.js";

type Kind = NonNullable<wire.Step["call"]["case"]>;
type ValueOf<K extends Kind> = Extract<wire.Step["call"], { case: K }>["value"];
type Calls = { readonly [K in Kind]: (call: ValueOf<K>, stage: Stage) => Promise<void> };

const CALLS: Calls = {
  async execute({ task, timeout, cancelOnTimeout, retryWhenFull }, { client, signal, show }) {
    const request = task ?? create(wire.TaskSchema);
    const options = { timeoutMs: ms(timeout), cancelOnTimeout, retryWhenFullMs: ms(retryWhenFull), signal };
    const { handler = "" } = request.spec ?? {};
    const output = await client.execute(handler, payloadOf(request), { ...optionsOf(request), ...options });
    show({ case: "output", value: valueOf(output) });
  },

  async executeRegistered({ id, timeout, cancelOnTimeout }, { client, signal, show }) {
    const output = await client.executeRegistered(id, { timeoutMs: ms(timeout), cancelOnTimeout, signal });
    show({ case: "output", value: valueOf(output) });
  },

  async register(task, { client, signal, show }) {
    const { handler = "" } = task.spec ?? {};
    const registered = await client.register(handler, payloadOf(task), { ...optionsOf(task), signal });
    show({ case: "task", value: registered });
  },

  async registerMany({ tasks, mode }, { client, signal, show }) {
    const answers = await client.registerMany(tasks.map(requestOf), { mode: modeOf(mode), signal });
    answers.forEach((answer) => {
      show({ case: "registered", value: registeredOf(answer) });
    });
  },

  async get({ id, view }, { client, signal, show }) {
    show({ case: "task", value: await client.get(id, { full: isFull(view), signal }) });
  },

  async list({ request, atMost, pause: pauseName }, { client, signal, show, pause }) {
    const { pageSize, orderBy, view, filter } = request ?? create(v1.GetTasksRequestSchema);
    let count = 0;
    for await (const task of client.list({ pageSize, orderBy, full: isFull(view), signal, ...filterOf(filter) })) {
      show({ case: "task", value: task });
      count += 1;
      if (count === 1 && pauseName) {
        await pause(pauseName);
      }
      if (count === atMost) {
        break;
      }
    }
    show(ended());
  },

  async active(_request, { client, signal, show }) {
    for await (const task of client.active({ signal })) {
      show({ case: "task", value: task });
    }
    show(ended());
  },

  async cancel({ id, reason, wait }, { client, signal, show }) {
    const { outcome, task } = await client.cancel(id, { reason, waitMs: ms(wait), signal });
    show({ case: "cancel", value: create(wire.CancelAnswerSchema, { id, outcome, task }) });
  },

  async cancelAll({ filter, reason }, { client, signal, show }) {
    const answer = await client.cancelAll({ ...filterOf(filter), reason, signal });
    show({ case: "cancelledAll", value: cancelledAllOf(answer) });
  },

  async cancelAllAndWait({ filter, reason, timeout }, { client, signal, show }) {
    const answer = await client.cancelAllAndWait({ ...filterOf(filter), reason, timeoutMs: ms(timeout), signal });
    show({ case: "cancelledAll", value: cancelledAllOf(answer) });
  },

  async wait({ filter, timeout }, { client, signal, show }) {
    show({
      case: "waited",
      value: waitedOf(await client.wait({ ...filterOf(filter), timeoutMs: ms(timeout), signal })),
    });
  },

  async results(call, stage) {
    const { filter, after, follow, closeOnCompletion, includeProgress, view } =
      call.request ?? create(v1.StreamResultsRequestSchema);
    await using reader = stage.client.results({
      ...filterOf(filter),
      after: stage.after(after),
      follow: follow || closeOnCompletion,
      closeOnCompletion,
      includeProgress,
      full: isFull(view),
      signal: stage.signal,
    });
    await reader.begin();
    stage.show(begun(reader.cursor));
    await showRecords(reader, call, stage);
    stage.show(ended(reader.cursor));
  },

  async resultsPage({ filter, after, pageSize, view }, stage) {
    const { client, signal, show } = stage;
    const options = { after: stage.after(after), pageSize, full: isFull(view), signal };
    const page = await client.resultsPage({ ...filterOf(filter), ...options });
    if (page.gap) {
      show({ case: "gap", value: page.gap.message });
    }
    page.results.forEach((one) => {
      show({ case: "result", value: resultOf(one, false) });
    });
    show({ case: "page", value: create(wire.PageSchema, { nextCursor: page.nextCursor }) });
  },

  async cancelled({ request, atMost }, { client, signal, show, after }) {
    await using reader = client.cancelled({
      after: after(request?.after ?? ""),
      follow: request?.follow ?? false,
      signal,
    });
    await reader.begin();
    show(begun(reader.cursor));
    let count = 0;
    for await (const one of reader) {
      showCancelled(one, show);
      count += one.kind === "cancelled" ? 1 : 0;
      if (count > 0 && count === atMost) {
        break;
      }
    }
    show(ended(reader.cursor));
  },

  async session(call, stage) {
    const { client, signal, show } = stage;
    await using session = client.session({ sessionId: call.sessionId, signal });
    if (call.subscribe) {
      await subscribe(session, call.subscribe, stage);
    }
    show(begun(session.cursor, session.id));
    const pipelined: Promise<void>[] = [];
    for (const act of call.acts) {
      const acting = takeAct(session, act, stage);
      if (act.pipelined) {
        pipelined.push(acting);
      } else {
        await acting;
      }
    }
    if (call.finish) {
      session.finish();
    }
    if (call.finish || call.atMost) {
      await showRecords(session.results(), call, stage);
    }
    await Promise.all(pipelined);
    show(ended(session.cursor));
  },

  async handlers(_request, { client, signal, show }) {
    for (const handler of await client.handlers({ signal })) {
      show({ case: "handler", value: handler });
    }
    show(ended());
  },

  async info(_request, { client, signal, show }) {
    show({ case: "info", value: await client.info({ signal }) });
  },

  async explain({ id }, { client, signal, show }) {
    show({ case: "explanation", value: await client.explain(id, { signal }) });
  },

  async startWorkers({ count, nodeId }, { client, signal, show }) {
    show({ case: "workers", value: await client.startWorkers(count, { nodeId, signal }) });
  },

  async shutdown({ mode, timeout, nodeId }, { client, signal, show }) {
    const now = mode === v1.ShutdownMode.NOW;
    show({ case: "waited", value: waitedOf(await client.shutdown({ now, timeoutMs: ms(timeout), nodeId, signal })) });
  },

  async raw({ method, request }, { client, signal, show }) {
    const found = v1.TaskService.methods.find(({ name }) => name === method);
    if (found?.methodKind !== "unary") {
      throw new Error(`${method} is no unary method`);
    }
    const call = client.stub[found.localName as "getTask"];
    const answer = await call(fromBinary(found.input as typeof v1.GetTaskRequestSchema, request), { signal });
    show({ case: "raw", value: toBinary(found.output as typeof v1.GetTaskResponseSchema, answer) });
  },

  cancelStep(name, { cancelStep, show }) {
    cancelStep(name);
    show(ended());
    return Promise.resolve();
  },

  async pause(name, { pause }) {
    await pause(name);
  },

  async load(call, { client, show }) {
    const began = performance.now();
    const end = began + (ms(call.duration) ?? 0);
    const tasks = await (call.batch === 0 ? unaryLoad : sessionLoad)(client, call, end);
    const seconds = (performance.now() - began) / 1000;
    show({ case: "rate", value: create(wire.RateSchema, { tasks: BigInt(tasks), seconds }) });
  },

  close(_call, { client, show }) {
    client.close();
    show(ended());
    return Promise.resolve();
  },
};

/** Takes a step. */
export function take(call: Extract<wire.Step["call"], { case: Kind }>, stage: Stage): Promise<void> {
  // The kind and the value belong together, which TypeScript cannot follow through the table.
  const taking = CALLS[call.case] as (value: typeof call.value, stage: Stage) => Promise<void>;
  return taking(call.value, stage);
}

/** Does one thing on a session, and shows what came of it. */
async function takeAct(session: Session, { kind }: wire.SessionAct, stage: Stage): Promise<void> {
  switch (kind.case) {
    case "register":
      await registerOn(session, kind.value, stage);
      break;
    case "cancel":
      for (const { id, outcome, error } of await session.cancel(kind.value.ids, kind.value.reason)) {
        const failure = error && failureOf(error);
        stage.show({ case: "cancel", value: create(wire.CancelAnswerSchema, { id, outcome, failure }) });
      }
      break;
    case "subscribe":
      await subscribe(session, kind.value, stage);
      break;
    case "unsubscribe":
      stage.show(begun(await session.unsubscribe()));
      break;
    default:
      throw new Error("an act of a kind that this program does not know");
  }
}

async function registerOn(session: Session, { tasks, mode }: wire.RegisterMany, { show }: Stage): Promise<void> {
  try {
    for (const answer of await session.registerMany(tasks.map(requestOf), { mode: modeOf(mode) })) {
      show({ case: "registered", value: registeredOf(answer) });
    }
  } catch (error) {
    show({ case: "registered", value: create(wire.RegisteredSchema, { failure: failureOf(error) }) });
  }
}

async function subscribe(session: Session, call: v1.SessionSubscribe, { after }: Stage): Promise<void> {
  await session.subscribe({
    ...filterOf(call.filter),
    everyone: call.scope === v1.SubscribeScope.FILTER,
    after: after(call.after),
    includeProgress: call.includeProgress,
    full: isFull(call.view),
  });
}

async function showRecords(
  records: AsyncIterable<Result | Gap | Progress>,
  call: wire.Results | wire.Session,
  { show, pause }: Stage,
): Promise<void> {
  let count = 0;
  for await (const record of records) {
    if (record.kind === "gap") {
      show({ case: "gap", value: record.message });
    } else if (record.kind === "progress") {
      show({ case: "progress", value: progressOf(record) });
    } else {
      show({ case: "result", value: resultOf(record, call.brief) });
      count += 1;
      if (call.pause && count === call.pauseAfter) {
        await pause(call.pause);
      }
      if (count === call.atMost) {
        return;
      }
    }
  }
}

function showCancelled(one: CancelledTask | Gap, show: Stage["show"]): void {
  if (one.kind === "gap") {
    show({ case: "gap", value: one.message });
  } else {
    show({ case: "cancelledTask", value: create(wire.CancelledTaskSchema, { task: one.task, cursor: one.cursor }) });
  }
}

function ended(cursor = ""): wire.Seen["what"] {
  return { case: "ended", value: create(wire.EndedSchema, { cursor }) };
}

function begun(cursor: string, sessionId = ""): wire.Seen["what"] {
  return { case: "begun", value: create(wire.BegunSchema, { cursor, sessionId }) };
}

function modeOf(mode: v1.RegisterMode): "atomic" | "perItem" {
  return mode === v1.RegisterMode.PER_ITEM ? "perItem" : "atomic";
}

function isFull(view: v1.TaskView): boolean {
  return view === v1.TaskView.FULL;
}
