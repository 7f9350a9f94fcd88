import assert from "node:assert/strict";
import * as net from "node:net";
import { test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { openConnection } from "../src/connection.js";
import { TaskService } from "../src/gen/millhand/v1/task_service_pb.js";
import { Client } from "../src/index.js";
import { FakeServer, Moment } from "./fakeServer.js";

const NOWHERE = ["localhost", "host:", ":1", "host:1/path", "http://host:1", "user@host:1", "a b:1", ""];

for (const address of NOWHERE) {
  test(`${JSON.stringify(address)} is no address`, () => {
    assert.throws(() => new Client(address), TypeError);
  });
}

for (const address of ["localhost:1", "127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "dns:///localhost:1"]) {
  test(`a token may go to ${address} in the clear`, () => {
    new Client(address, { token: "secret" }).close();
  });
}

for (const address of [
  "example.org:1",
  "10.0.0.1:1",
  "127.0.0.1.example.org:1",
  "[2001:db8::1]:1",
  "dns:///example.org:1",
]) {
  test(`a token does not go to ${address} in the clear unless that is said`, () => {
    assert.throws(() => new Client(address, { token: "secret" }), /in the clear/);
    new Client(address, { token: "secret", insecureToken: true }).close();
    new Client(address, { token: "secret", tls: true }).close();
  });
}

test("what is no certificate is refused at once", () => {
  assert.throws(() => new Client("a:1", { tls: { ca: "ca.pem" } }), /content of the file/);
  assert.throws(() => new Client("a:1", { tls: { cert: "x" } }), /go together/);
});

test("a connection that falls silent is given up, and a call at that moment opens another one", async () => {
  const asked = new Moment();
  let calls = 0;
  await using server = await FakeServer.start({
    getServerInfo() {
      calls += 1;
      asked.now();
      return calls === 1 ? new Promise(() => undefined) : { version: "7" };
    },
  });
  const paths: net.Socket[] = [];
  const way = net.createServer((near) => {
    const far = net.connect(server.port, "127.0.0.1");
    paths.push(near, far);
    near.pipe(far).pipe(near);
    [near, far].forEach((end) => end.on("error", () => end.destroy()));
  });
  await new Promise<void>((resolve) => way.listen(0, "127.0.0.1", resolve));
  const { port } = way.address() as net.AddressInfo;
  const keepalive = { pingIntervalMs: 50, pingTimeoutMs: 50 };
  const connection = openConnection(`127.0.0.1:${String(port)}`, {}, keepalive);
  const stub = createClient(TaskService, connection.transport);

  const silenced = stub.getServerInfo({});
  await asked.come;
  paths.forEach((end) => end.unpipe());

  await assert.rejects(silenced, /PING timed out/);
  assert.equal((await stub.getServerInfo({})).version, "7");

  connection.close(new Error("over"));
  paths.forEach((end) => end.destroy());
  await new Promise((resolve) => way.close(resolve));
});
