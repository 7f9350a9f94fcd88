/** Ids made on this side, so that every registration can be sent twice. */

import { randomFillSync, randomUUID } from "node:crypto";

/** A task id: a UUIDv7, whose order is its time of birth, which keeps the indexes of stores compact. */
export function newId(now: number = Date.now()): string {
  const bytes = randomFillSync(Buffer.alloc(16));
  bytes.writeUIntBE(now, 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** What the server's log calls one call. */
export function newRequestId(): string {
  return randomUUID().replaceAll("-", "");
}
