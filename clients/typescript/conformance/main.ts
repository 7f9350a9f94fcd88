/** Plays the cases that come in on standard input, until it ends. */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  DoneSchema,
  type FromProgram,
  FromProgramSchema,
  type FromRunner,
  FromRunnerSchema,
} from "./gen/millhand/conformance/v1/conformance_pb.js";
import { Player } from "./player.js";

const LENGTH_BYTES = 4;

/** The messages on a stream of bytes, each behind its length as four bytes, most significant first. */
async function* messages(stream: AsyncIterable<Buffer>): AsyncGenerator<FromRunner> {
  let held = Buffer.alloc(0);
  for await (const chunk of stream) {
    held = Buffer.concat([held, chunk]);
    while (held.length >= LENGTH_BYTES && held.length >= LENGTH_BYTES + held.readUInt32BE()) {
      const end = LENGTH_BYTES + held.readUInt32BE();
      yield fromBinary(FromRunnerSchema, held.subarray(LENGTH_BYTES, end));
      held = held.subarray(end);
    }
  }
  if (held.length > 0) {
    throw new Error("standard input ended inside a message");
  }
}

function say(kind: FromProgram["kind"]): void {
  const data = toBinary(FromProgramSchema, create(FromProgramSchema, { kind }));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(data.length);
  process.stdout.write(Buffer.concat([length, data]));
}

/** Plays a case, and says that it is done; whatever went wrong, the runner has to hear of it instead of waiting. */
async function play(player: Player): Promise<void> {
  let fault = "";
  try {
    await player.play();
  } catch (error) {
    fault = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  say({ case: "done", value: create(DoneSchema, { fault }) });
}

let player: Player | undefined;
let playing = Promise.resolve();
for await (const { kind } of messages(process.stdin)) {
  if (kind.case === "case") {
    await playing;
    player = new Player(kind.value, (seen) => {
      say({ case: "seen", value: seen });
    });
    playing = play(player);
  } else if (kind.case === "goOn") {
    player?.goOn(kind.value);
  }
}
await playing;
