/** What the parts of a client know of it. */

import type { PayloadCodec } from "./payloads.js";
import type { Wire } from "./wire.js";

export class Terms {
  constructor(
    readonly wire: Wire,
    readonly codec: PayloadCodec,
    /** How long one call may take; 0 for no limit. */
    readonly timeoutMs: number,
    /** How long a lost server is tried again; undefined for ever. */
    readonly reconnectTimeoutMs: number | undefined,
    /** What the program calls itself in a session. */
    readonly name: string,
  ) {}

  /** A deadline behind the wait itself, so that the server's own answer to it arrives first. 0 for no limit. */
  deadlineMs(waitMs: number | undefined): number {
    return waitMs === undefined || this.timeoutMs === 0 ? 0 : waitMs + this.timeoutMs;
  }
}
