/** JavaScript values to payloads and back. JSON numbers are doubles on the wire: what that changes is refused. */

import {
  create,
  createRegistry,
  fromBinary,
  isMessage,
  type Message,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type Any,
  AnySchema,
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
  ListValueSchema,
  NullValue,
  StructSchema,
  type Value,
  ValueSchema,
} from "@bufbuild/protobuf/wkt";
import { InvalidPayloadError } from "./errors.js";
import { file_google_rpc_error_details } from "./gen/google/rpc/error_details_pb.js";
import { file_google_rpc_status } from "./gen/google/rpc/status_pb.js";
import { file_millhand_v1_errors } from "./gen/millhand/v1/errors_pb.js";
import { file_millhand_v1_handler } from "./gen/millhand/v1/handler_pb.js";
import { BlobSchema, file_millhand_v1_payload, type Payload, PayloadSchema } from "./gen/millhand/v1/payload_pb.js";
import { file_millhand_v1_task } from "./gen/millhand/v1/task_pb.js";
import { file_millhand_v1_task_service } from "./gen/millhand/v1/task_service_pb.js";

/** What JSON can hold, as JavaScript has it. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * What a handler can return: JSON, bytes, bytes with a media type, a message, or an Any whose type this client was not
 * told of.
 */
export type Output = Json | Uint8Array | MediaBytes | Message;

/** Bytes that say what they are. */
export class MediaBytes {
  /**
   * @param data - The bytes.
   * @param contentType - Their media type, for example `image/png`.
   */
  constructor(
    readonly data: Uint8Array,
    readonly contentType: string,
  ) {}
}

/** Every integer up to here is a double. */
const MAX_INTEGER = 2n ** 53n;
/** Only a guard against structures that contain themselves: the server's limit is lower and its to tell. */
const MAX_NESTING = 64;

/** The messages that every client knows: the contract's and Google's own. */
const KNOWN: Registry = createRegistry(
  file_millhand_v1_errors,
  file_millhand_v1_handler,
  file_millhand_v1_payload,
  file_millhand_v1_task,
  file_millhand_v1_task_service,
  file_google_rpc_error_details,
  file_google_rpc_status,
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
);

/** Turns values into payloads and back, knowing some message types. */
export class PayloadCodec {
  readonly #types: Registry;

  /** @param types - Messages to read and write beside the contract's and Google's own. */
  constructor(types?: Registry) {
    this.#types = types ? createRegistry(types, KNOWN) : KNOWN;
  }

  /**
   * A value as a payload: bytes and MediaBytes become a blob, a message becomes an Any, and the rest JSON.
   *
   * Within JSON there may be what has a `toJSON` (dates), Maps with string keys, Sets, and bytes, which become Base64.
   * As in `JSON.stringify`, members that are undefined are left out, and undefined items become null.
   *
   * Throws InvalidPayloadError for NaN and infinities, bigints beyond 2^53, text that is no valid Unicode, functions and
   * symbols, and messages within JSON or of types that are not known; it names the path.
   */
  encode(value: unknown, field = "payload"): Payload {
    if (isMessage(value, PayloadSchema)) {
      return value;
    }
    if (value instanceof Uint8Array) {
      return create(PayloadSchema, { kind: { case: "blob", value: create(BlobSchema, { data: value }) } });
    }
    if (value instanceof MediaBytes) {
      const { data, contentType } = value;
      return create(PayloadSchema, { kind: { case: "blob", value: create(BlobSchema, { data, contentType }) } });
    }
    if (isMessage(value) && !isMessage(value, ValueSchema)) {
      return create(PayloadSchema, { kind: { case: "message", value: this.#packed(value, field) } });
    }
    return create(PayloadSchema, { kind: { case: "json", value: toValue(value, field, 0) } });
  }

  /**
   * The value in a payload; null if there is none.
   *
   * A blob without a media type is a Uint8Array, else MediaBytes. A message of a type that is not known stays an Any.
   */
  decode(payload: Payload | undefined): Output {
    const kind = payload?.kind;
    switch (kind?.case) {
      case "json":
        return fromValue(kind.value);
      case "blob":
        return kind.value.contentType ? new MediaBytes(kind.value.data, kind.value.contentType) : kind.value.data;
      case "message":
        return this.#unpacked(kind.value);
      default:
        return null;
    }
  }

  #packed(message: Message, field: string): Any {
    if (isMessage(message, AnySchema)) {
      return message;
    }
    const schema = this.#types.getMessage(message.$typeName);
    if (schema === undefined) {
      throw refusal(field, `the client was not told of ${message.$typeName}: give it to the client in \`types\``);
    }
    const typeUrl = `type.googleapis.com/${message.$typeName}`;
    return create(AnySchema, { typeUrl, value: toBinary(schema, message) });
  }

  #unpacked(packed: Any): Message {
    const schema = this.#types.getMessage(packed.typeUrl.slice(packed.typeUrl.lastIndexOf("/") + 1));
    try {
      return schema ? fromBinary(schema, packed.value) : packed;
    } catch {
      // Of another version than here: the caller still gets the bytes and the name.
      return packed;
    }
  }
}

function toValue(value: unknown, path: string, depth: number): Value {
  if (depth > MAX_NESTING) {
    throw refusal(path, "is nested too deeply, or contains itself");
  }
  switch (typeof value) {
    case "undefined":
      return valueOf({ case: "nullValue", value: NullValue.NULL_VALUE });
    case "boolean":
      return valueOf({ case: "boolValue", value });
    case "number":
      return valueOf({ case: "numberValue", value: finite(value, path) });
    case "bigint":
      return valueOf({ case: "numberValue", value: exact(value, path) });
    case "string":
      return valueOf({ case: "stringValue", value: wellFormed(value, path) });
    case "object":
      return value === null ? toValue(undefined, path, depth) : objectToValue(value, path, depth);
    default:
      throw refusal(path, `a ${typeof value} is nothing that JSON can stand for`);
  }
}

function objectToValue(value: object, path: string, depth: number): Value {
  if (isMessage(value, ValueSchema)) {
    return value;
  }
  if (isMessage(value) || value instanceof MediaBytes) {
    throw refusal(path, "is a payload of its own and cannot be within JSON");
  }
  if (value instanceof Uint8Array) {
    // Before toJSON, because that of a Buffer is not what anybody reads.
    return valueOf({ case: "stringValue", value: Buffer.from(value).toString("base64") });
  }
  if ("toJSON" in value && typeof value.toJSON === "function") {
    return toValue((value as { toJSON: () => unknown }).toJSON(), path, depth + 1);
  }
  if (Array.isArray(value) || value instanceof Set) {
    const values = Array.from(value, (item, index) => toValue(item, `${path}[${String(index)}]`, depth + 1));
    return valueOf({ case: "listValue", value: create(ListValueSchema, { values }) });
  }
  const entries = value instanceof Map ? [...(value as Map<unknown, unknown>)] : Object.entries(value);
  return membersToValue(entries, path, depth);
}

function membersToValue(entries: Iterable<[unknown, unknown]>, path: string, depth: number): Value {
  const struct = create(StructSchema);
  for (const [key, item] of entries) {
    if (typeof key !== "string") {
      throw refusal(path, `the key ${String(key)} is not a string`);
    }
    if (item !== undefined) {
      setMember(struct.fields, wellFormed(key, path), toValue(item, `${path}.${key}`, depth + 1));
    }
  }
  return valueOf({ case: "structValue", value: struct });
}

/** Sets a member of any name: by assignment, `__proto__` would be lost. */
function setMember<T>(members: Record<string, T>, key: string, value: T): void {
  Object.defineProperty(members, key, { value, enumerable: true, configurable: true, writable: true });
}

function valueOf(kind: Value["kind"]): Value {
  return create(ValueSchema, { kind });
}

function finite(value: number, path: string): number {
  if (!Number.isFinite(value)) {
    throw refusal(path, `JSON has no ${String(value)}: send a string or a protobuf message`);
  }
  return value;
}

function exact(value: bigint, path: string): number {
  if (value > MAX_INTEGER || value < -MAX_INTEGER) {
    throw refusal(path, "an integer beyond 2^53 would lose digits as JSON: send a string or a protobuf message");
  }
  return Number(value);
}

function wellFormed(text: string, path: string): string {
  if (!text.isWellFormed()) {
    throw refusal(path, "is not valid Unicode: send bytes");
  }
  return text;
}

function fromValue(value: Value): Json {
  const { kind } = value;
  switch (kind.case) {
    case "numberValue":
    case "stringValue":
    case "boolValue":
      return kind.value;
    case "listValue":
      return kind.value.values.map(fromValue);
    case "structValue": {
      const members: { [key: string]: Json } = {};
      for (const [key, item] of Object.entries(kind.value.fields)) {
        setMember(members, key, fromValue(item));
      }
      return members;
    }
    default:
      return null;
  }
}

function refusal(path: string, description: string): InvalidPayloadError {
  return new InvalidPayloadError(`${path}: ${description}`, { violations: [{ field: path, description }] });
}
