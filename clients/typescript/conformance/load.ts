/** Measures how many tasks go through one connection; each of them is checked. */

import type { Client, Session } from "millhand";
import type { Load } from "./gen/millhand/conformance/v1/conformance_pb.js";

/** Executes tasks one by one, so many at once as asked; gives how many. */
export async function unaryLoad(client: Client, { inFlight }: Load, end: number): Promise<number> {
  const caller = async () => {
    let count = 0;
    for (; performance.now() < end; count += 1) {
      check(await client.execute("echo", "x"));
    }
    return count;
  };
  const counts = await Promise.all(Array.from({ length: inFlight }, caller));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Sends batches on a session, so many tasks under way as asked; gives how many ended, each once. */
export async function sessionLoad(client: Client, { batch, inFlight }: Load, end: number): Promise<number> {
  await using session = client.session();
  await session.subscribe();
  const came = new Set<string>();
  const room = new Signal();
  const reading = read(session, came, room);
  const requests = Array.from({ length: batch }, () => ({ handler: "echo", payload: "x" }));
  const answers: Promise<unknown>[] = [];
  let sent = 0;
  while (performance.now() < end) {
    while (sent + batch - came.size > inFlight) {
      await room.next();
    }
    answers.push(session.registerMany(requests));
    sent += batch;
  }
  await Promise.all(answers);
  session.finish();
  await reading;
  if (came.size !== sent) {
    throw new Error(`${String(came.size)} results of ${String(sent)} tasks`);
  }
  return sent;
}

async function read(session: Session, came: Set<string>, room: Signal): Promise<void> {
  for await (const one of session.results()) {
    if (one.kind !== "result") {
      throw new Error(`a ${one.kind} instead of a result`);
    }
    check(one.output);
    came.add(one.task.id);
    room.notify();
  }
}

function check(output: unknown): void {
  if (output !== "x") {
    throw new Error("an echo came back as something else");
  }
}

/** Wakes who waits for the next notification. */
class Signal {
  #wakers: (() => void)[] = [];

  next(): Promise<void> {
    return new Promise((resolve) => this.#wakers.push(resolve));
  }

  notify(): void {
    this.#wakers.splice(0).forEach((wake) => {
      wake();
    });
  }
}
