/**
 * Counts the words of some texts on a Millhand server, as they get done: `node build/examples/report.js [host:port]`.
 *
 * One of them fails on purpose, to show what that looks like.
 */

import { Client, type TaskRequest } from "millhand";

const TEXTS = ["to be or not to be", "that is the question", "whether 'tis nobler in the mind to suffer"];

const client = new Client(process.argv[2] ?? process.env["MILLHAND_ADDRESS"] ?? "127.0.0.1:50051");
const { version, store } = await client.info();
console.log(`Millhand ${version}, store ${store}`);

const session = client.session();
await session.subscribe();
const requests: TaskRequest[] = TEXTS.map((text) => ({ handler: "word_count", payload: { text }, labels: { text } }));
await session.registerMany([...requests, { handler: "fail", payload: { times: 1, reason: "NO_PAPER", fatal: true } }]);
session.finish();

for await (const record of session.results()) {
  if (record.kind === "result") {
    const { words } = (record.output ?? {}) as { words?: number };
    console.log(record.error?.message ?? `${String(words)} words: ${record.task.labels["text"] ?? ""}`);
  }
}
await session.close();
client.close();
