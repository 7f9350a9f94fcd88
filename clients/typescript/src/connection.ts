/** Where a client connects to and as whom: options, certificates, the rule about tokens in the clear. */

import { isIP } from "node:net";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { Registry } from "@bufbuild/protobuf";
import type { Interceptor, Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { GuardedSessionManager, WINDOW_BYTES } from "./guardedSession.js";

/** Certificates in PEM, as text or as bytes. */
export interface TlsOptions {
  /** Who must have signed the server's certificate. Left out, the authorities that Node.js trusts. */
  readonly ca?: string | Uint8Array | undefined;
  /** This client's own certificate, for mutual TLS. */
  readonly cert?: string | Uint8Array | undefined;
  /** The key of `cert`. */
  readonly key?: string | Uint8Array | undefined;
}

/** What a client is made with, beside the address; all of it may be left out. */
export interface ClientOptions {
  /** Sent with every call as a bearer token. Without TLS, only to this machine: see `insecureToken`. */
  readonly token?: string | undefined;
  /** Sends the token in the clear over the network, where everybody on the way can read and use it. */
  readonly insecureToken?: boolean | undefined;
  /** Turns TLS on; `true` trusts the authorities that Node.js trusts. */
  readonly tls?: TlsOptions | boolean | undefined;
  /**
   * How long one call may take, in milliseconds; 30,000 if left out, 0 for no limit. What waits (execute, wait, the wait
   * of a cancel) has its own limit, to which this is added for the way there and back.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * How long results, sessions and `execute` try to get a lost server back, in milliseconds; 120,000 if left out,
   * `Infinity` for ever.
   */
  readonly reconnectTimeoutMs?: number | undefined;
  /** What this program calls itself in a session. */
  readonly name?: string | undefined;
  /** Message types that payloads may have, beside those of the contract and of Google: `createRegistry(...)`. */
  readonly types?: Registry | undefined;
}

/** Every server's limit for one message. */
export const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
/** When a silent connection is asked whether it lives, and how long it may take to answer. */
const KEEPALIVE = { pingIntervalMs: 30_000, pingTimeoutMs: 10_000 };

const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const CERTIFICATE = /-----BEGIN [A-Z ]*CERTIFICATE-----/;

/** A connection of one client: all its calls and streams share it. */
export interface Connection {
  readonly transport: Transport;
  /** Ends all that is under way, with `reason`. */
  close(reason: Error): void;
}

/**
 * Prepares a connection; it is opened by the first call.
 *
 * Throws TypeError if the address is none, certificates are no PEM, or a token would travel in the clear.
 */
export function openConnection(address: string, options: ClientOptions, keepalive = KEEPALIVE): Connection {
  const tls = options.tls === true ? {} : options.tls || undefined;
  const baseUrl = urlOf(address, tls !== undefined);
  if (options.token && !tls && !options.insecureToken && !isLoopback(baseUrl.hostname)) {
    throw new TypeError(
      `a token for ${address} would cross the network in the clear, where anybody on the way can read and use it: ` +
        "turn TLS on with `tls`, or say `insecureToken: true`",
    );
  }
  const sessionManager = new GuardedSessionManager(baseUrl, keepalive, {
    ...(tls && secured(tls)),
    settings: { initialWindowSize: WINDOW_BYTES },
  });
  const transport = createGrpcTransport({
    baseUrl: baseUrl.origin,
    sessionManager,
    readMaxBytes: MAX_MESSAGE_BYTES,
    interceptors: options.token ? [bearing(options.token)] : [],
  });
  return {
    transport,
    close: (reason) => {
      sessionManager.abort(reason);
    },
  };
}

/** Whether a host, for all one can tell without asking a name server, is this machine. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "");
  return bare === "localhost" || bare === "::1" || (isIP(bare) === 4 && bare.startsWith("127."));
}

function urlOf(address: string, secure: boolean): URL {
  const authority = address.replace(/^dns:(\/\/[^/]*\/)?/, "");
  const text = `${secure ? "https" : "http"}://${authority}`;
  if (!/^[^/@?#]+:\d+$/.test(authority) || !URL.canParse(text)) {
    throw new TypeError(`${JSON.stringify(address)} is no address: give host:port`);
  }
  return new URL(text);
}

function secured(tls: TlsOptions): SecureContextOptions {
  if (Boolean(tls.cert) !== Boolean(tls.key)) {
    throw new TypeError("tls.cert and tls.key go together: give both, or neither");
  }
  const pem = {
    ca: pemOf("ca", tls.ca, CERTIFICATE),
    cert: pemOf("cert", tls.cert, CERTIFICATE),
    key: pemOf("key", tls.key, PRIVATE_KEY),
  };
  // Fails now, and not as a server that does not answer.
  createSecureContext(pem);
  return pem;
}

function pemOf(option: string, pem: string | Uint8Array | undefined, wanted: RegExp): string | undefined {
  if (pem === undefined) {
    return undefined;
  }
  const text = typeof pem === "string" ? pem : Buffer.from(pem).toString("utf8");
  if (!wanted.test(text)) {
    throw new TypeError(`tls.${option} has nothing of its kind in PEM: give the content of the file, not its path`);
  }
  return text;
}

function bearing(token: string): Interceptor {
  return (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
}
