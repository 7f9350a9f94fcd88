/** Plays one case: a step is one use of the client, and what it shows is seen. */

import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Client } from "millhand";
import { take } from "./calls.js";
import {
  type Case,
  type Connection,
  type Seen,
  SeenSchema,
  type Step,
} from "./gen/millhand/conformance/v1/conformance_pb.js";
import { failureOf } from "./showing.js";

/** What a call is given beside its step. */
export interface Stage {
  readonly client: Client;
  /** Ends the step from outside. */
  readonly signal: AbortSignal;
  readonly show: (what: Seen["what"]) => void;
  /** Tells the runner that it has come here, and waits for its word. */
  readonly pause: (name: string) => Promise<void>;
  /** The cursor that a case means. */
  readonly after: (after: string) => string;
  /** Ends a background step. */
  readonly cancelStep: (name: string) => void;
}

/** One case. `play` it once; `goOn` ends a pause. */
export class Player {
  readonly #case: Case;
  readonly #show: (seen: Seen) => void;
  readonly #seen = new Map<string, number>();
  readonly #cursors = new Map<string, string>();
  readonly #goneOn = new Set<string>();
  readonly #running = new Map<string, AbortController>();
  #wakers: (() => void)[] = [];

  constructor(played: Case, show: (seen: Seen) => void) {
    this.#case = played;
    this.#show = show;
  }

  goOn(pause: string): void {
    this.#goneOn.add(pause);
    this.#wake();
  }

  /** Takes all steps, and waits for those in the background. */
  async play(): Promise<void> {
    const client = clientOf(this.#case.connection);
    const background: Promise<void>[] = [];
    try {
      for (const step of this.#case.steps) {
        await this.#until(() => this.#mayBegin(step));
        const taken = this.#take(client, step);
        if (step.background) {
          background.push(taken);
        } else {
          await taken;
        }
      }
      await Promise.all(background);
    } finally {
      client.close();
    }
  }

  async #take(client: Client, step: Step): Promise<void> {
    const cancelled = new AbortController();
    this.#running.set(step.name, cancelled);
    const limit = step.deadline && AbortSignal.timeout(durationMs(step.deadline));
    const signal = limit ? AbortSignal.any([limit, cancelled.signal]) : cancelled.signal;
    try {
      if (step.call.case === undefined) {
        throw new Error("a step of a kind that this program does not know");
      }
      await take(step.call, this.#stage(client, step.name, signal));
    } catch (error) {
      this.#tell(step.name, { case: "failure", value: failureOf(error) });
    }
  }

  #stage(client: Client, name: string, signal: AbortSignal): Stage {
    return {
      client,
      signal,
      show: (what) => {
        this.#tell(name, what);
      },
      pause: async (pause) => {
        this.#tell(name, { case: "paused", value: pause });
        await this.#until(() => this.#goneOn.has(pause));
      },
      after: (after) => (after.startsWith("$") ? (this.#cursors.get(after.slice(1)) ?? "") : after),
      cancelStep: (step) => {
        this.#running.get(step)?.abort();
      },
    };
  }

  #tell(step: string, what: Seen["what"]): void {
    const cursor = cursorIn(what);
    if (cursor) {
      this.#cursors.set(step, cursor);
    }
    this.#seen.set(step, (this.#seen.get(step) ?? 0) + 1);
    this.#show(create(SeenSchema, { step, what }));
    this.#wake();
  }

  #mayBegin(step: Step): boolean {
    return !step.afterStep || (this.#seen.get(step.afterStep) ?? 0) >= Math.max(1, step.afterCount);
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => this.#wakers.push(resolve));
    }
  }

  #wake(): void {
    const wakers = this.#wakers;
    this.#wakers = [];
    wakers.forEach((wake) => {
      wake();
    });
  }
}

function clientOf(connection: Connection | undefined): Client {
  const { address = "", caPem, certificatePem, keyPem, token, insecureToken } = connection ?? {};
  const pem = (bytes: Uint8Array | undefined) => (bytes?.length ? bytes : undefined);
  const tls = { ca: pem(caPem), cert: pem(certificatePem), key: pem(keyPem) };
  return new Client(address, { token, insecureToken, tls: tls.ca || tls.cert ? tls : undefined });
}

function cursorIn({ value }: Seen["what"]): string {
  if (typeof value !== "object" || value instanceof Uint8Array) {
    return "";
  }
  for (const field of ["cursor", "nextCursor", "toCursor"]) {
    const cursor: unknown = (value as unknown as Record<string, unknown>)[field];
    if (typeof cursor === "string" && cursor) {
      return cursor;
    }
  }
  return "";
}
