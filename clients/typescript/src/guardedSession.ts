/** Connect's HTTP/2 connection, made safe to lose, and wide enough for results. */

import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import { Http2SessionManager } from "@connectrpc/connect-node";

/** How much the server may send before the client must have read: HTTP/2's own 64 KiB are one round trip each. */
export const WINDOW_BYTES = 4 * 1024 * 1024;

/**
 * When a connection is given up because a ping was not answered, and a call opens another one meanwhile, connect 2.1 takes
 * its listeners off before Node.js emits the error, which then ends the process. A listener of our own stays.
 */
export class GuardedSessionManager extends Http2SessionManager {
  readonly #guarded = new WeakSet<ClientHttp2Session>();

  override async request(...args: Parameters<Http2SessionManager["request"]>): Promise<ClientHttp2Stream> {
    const stream = await super.request(...args);
    if (stream.session !== undefined && !this.#guarded.has(stream.session as ClientHttp2Session)) {
      this.#guard(stream.session as ClientHttp2Session);
    }
    return stream;
  }

  #guard(session: ClientHttp2Session): void {
    this.#guarded.add(session);
    session.setLocalWindowSize(WINDOW_BYTES);
    session.on("error", () => {
      // The streams end with it, and each of them tells its caller.
    });
  }
}
