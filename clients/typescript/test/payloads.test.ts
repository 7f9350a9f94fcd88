import assert from "node:assert/strict";
import { test } from "node:test";
import { create, createFileRegistry, createRegistry, isMessage, toBinary } from "@bufbuild/protobuf";
import {
  type Any,
  AnySchema,
  DurationSchema,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { InvalidPayloadError } from "../src/errors.js";
import { TaskFilterSchema } from "../src/gen/millhand/v1/task_pb.js";
import { MediaBytes, type Output, PayloadCodec } from "../src/payloads.js";

const codec = new PayloadCodec();

function thereAndBack(value: unknown): Output {
  return codec.decode(codec.encode(value));
}

const SAME: readonly unknown[] = [
  null,
  true,
  0,
  -2.5e-300,
  2 ** 53,
  1.7976931348623157e308,
  "größe 日本語 🦀 \u0001",
  [],
  {},
  [[], {}, "", null, false],
  { a: { b: [1, { c: "d" }] } },
];

for (const value of SAME) {
  test(`${JSON.stringify(value)} comes back as it was sent`, () => {
    assert.deepEqual(thereAndBack(value), value);
  });
}

const FORMS: readonly (readonly [string, unknown, unknown])[] = [
  ["a bigint", 2n ** 53n, 2 ** 53],
  ["a Date", { at: new Date(0) }, { at: "1970-01-01T00:00:00.000Z" }],
  ["a Map", new Map([["a", 1]]), { a: 1 }],
  ["a Set", new Set([1, 2]), [1, 2]],
  ["bytes within JSON", { data: Buffer.from("hi") }, { data: "aGk=" }],
  ["a member that is undefined", { a: undefined, b: 1 }, { b: 1 }],
  ["an item that is undefined", [undefined], [null]],
];

for (const [what, value, expected] of FORMS) {
  test(`${what} becomes what JSON has for it`, () => {
    assert.deepEqual(thereAndBack(value), expected);
  });
}

test("a member called __proto__ is a member like any other", () => {
  const value: unknown = JSON.parse('{"__proto__": {"polluted": true}}');
  const back = thereAndBack(value);
  assert.equal(JSON.stringify(back), '{"__proto__":{"polluted":true}}');
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});

test("no payload at all is null", () => {
  assert.equal(codec.decode(undefined), null);
});

test("bytes are bytes, and keep their media type", () => {
  assert.deepEqual(thereAndBack(new Uint8Array([0, 255])), new Uint8Array([0, 255]));
  assert.deepEqual(
    thereAndBack(new MediaBytes(new Uint8Array([1]), "image/png")),
    new MediaBytes(new Uint8Array([1]), "image/png"),
  );
});

test("messages of the contract and of Google come back as they were sent", () => {
  const filter = create(TaskFilterSchema, { queues: ["a"], correlationId: "c" });
  assert.deepEqual(thereAndBack(filter), filter);
  const duration = create(DurationSchema, { seconds: 90n });
  assert.deepEqual(thereAndBack(duration), duration);
});

/** A message type that no client knows by itself. */
function foreignType() {
  const file = create(FileDescriptorProtoSchema, {
    name: "shop.proto",
    package: "shop",
    syntax: "proto3",
    messageType: [
      {
        name: "Order",
        field: [{ name: "count", number: 1, type: FieldDescriptorProto_Type.INT32, jsonName: "count" }],
      },
    ],
  });
  const schema = createFileRegistry(file, () => undefined).getMessage("shop.Order");
  assert.ok(schema);
  return schema;
}

test("a message of another type needs the client to be told of it", () => {
  const schema = foreignType();
  const order = create(schema, { count: 3 });
  assert.throws(() => codec.encode(order), InvalidPayloadError);

  const payload = new PayloadCodec(createRegistry(schema)).encode(order);

  assert.deepEqual(new PayloadCodec(createRegistry(schema)).decode(payload), order);
  const unknown = codec.decode(payload);
  assert.ok(isMessage(unknown, AnySchema));
  assert.equal((unknown satisfies Any).typeUrl, "type.googleapis.com/shop.Order");
  assert.deepEqual(unknown.value, toBinary(schema, order));
});

const contained: unknown[] = [];
contained.push(contained);
const REFUSED: readonly (readonly [string, unknown, string])[] = [
  ["NaN", { a: [NaN] }, "payload.a[0]"],
  ["an infinity", -Infinity, "payload"],
  ["an integer beyond 2^53", { n: 2n ** 53n + 1n }, "payload.n"],
  ["a negative one", -(2n ** 53n) - 1n, "payload"],
  ["half a surrogate pair", ["\ud800"], "payload[0]"],
  ["half a surrogate pair in a key", { "\ud800": 1 }, "payload"],
  ["a function", { f: () => 1 }, "payload.f"],
  ["a symbol", Symbol("s"), "payload"],
  ["a Map whose keys are no strings", new Map([[1, 2]]), "payload"],
  ["a message within JSON", { m: create(DurationSchema) }, "payload.m"],
  ["bytes with a media type within JSON", [new MediaBytes(new Uint8Array(), "image/png")], "payload[0]"],
];

for (const [what, value, path] of REFUSED) {
  test(`${what} is refused, by its path`, () => {
    assert.throws(
      () => codec.encode(value),
      (error) => error instanceof InvalidPayloadError && error.violations[0]?.field === path,
    );
  });
}

test("what contains itself is refused", () => {
  assert.throws(() => codec.encode(contained), InvalidPayloadError);
});
