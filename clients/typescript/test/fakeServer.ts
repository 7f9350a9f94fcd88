import assert from "node:assert/strict";
import * as http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { ErrorInfoSchema, RetryInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";
import { type Status, StatusSchema } from "../src/gen/google/rpc/status_pb.js";
import { type Result, ResultSchema, type Task, TaskSchema, TaskStatus } from "../src/gen/millhand/v1/task_pb.js";
import { TaskService } from "../src/gen/millhand/v1/task_service_pb.js";
import { Client, type ClientOptions } from "../src/index.js";
import { PayloadCodec } from "../src/payloads.js";

const codec = new PayloadCodec();

/** A number that no enum has here: a newer server's. */
export const NEWER = 88 as never;

/** What a test plays of the service; the rest is UNIMPLEMENTED. */
export type Played = Partial<ServiceImpl<typeof TaskService>>;

/** A server of this process, behind a real connection. */
export class FakeServer implements AsyncDisposable {
  readonly #server: http2.Http2Server;
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  connections = 0;

  private constructor(server: http2.Http2Server) {
    this.#server = server;
    server.on("session", (session) => {
      this.connections += 1;
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
    });
  }

  static async start(played: Played): Promise<FakeServer> {
    const server = http2.createServer(connectNodeAdapter({ routes: (router) => router.service(TaskService, played) }));
    const fake = new FakeServer(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  client(options?: ClientOptions): Client {
    return new Client(`127.0.0.1:${String(this.port)}`, options);
  }

  /** Breaks all connections, as a lost network does. */
  drop(): void {
    this.#sessions.forEach((session) => {
      session.destroy();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drop();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** An error as a Millhand server answers it. */
export function refusal(
  code: Code,
  reason: string,
  facts: { taskId?: string; retryAfterMs?: number } = {},
): ConnectError {
  const { taskId, retryAfterMs } = facts;
  const metadata = taskId ? { task_id: taskId } : {};
  const info = { desc: ErrorInfoSchema, value: { reason, domain: "millhand.v1", metadata } };
  const retry = { desc: RetryInfoSchema, value: { retryDelay: { nanos: (retryAfterMs ?? 0) * 1_000_000 } } };
  return new ConnectError(`refused: ${reason}`, code, undefined, retryAfterMs === undefined ? [info] : [info, retry]);
}

/** The same within an answer. */
export function statusOf(code: Code, reason: string): Status {
  const info = create(ErrorInfoSchema, { reason, domain: "millhand.v1" });
  return create(StatusSchema, { code, message: `refused: ${reason}`, details: [anyPack(ErrorInfoSchema, info)] });
}

/** A task that completed with this output. */
export function completed(id: string, output: unknown, cursor = ""): Result {
  const task = { id, status: TaskStatus.COMPLETED };
  return create(ResultSchema, { task, output: codec.encode(output), cursor });
}

export function taskOf(fields: MessageInitShape<typeof TaskSchema>): Task {
  return create(TaskSchema, fields);
}

/** A moment that a test waits for. */
export class Moment<T = void> {
  readonly come: Promise<T>;
  #resolve: ((value: T) => void) | undefined;

  constructor() {
    this.come = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  now(value: T): void {
    assert.ok(this.#resolve);
    this.#resolve(value);
  }
}

export { Code };
