"""The catalogue of handlers on the wire, each with a command that tries it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from datetime import timedelta

from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct, Value

from millhand.kit import Handler
from millhand.v1 import handler_pb2, payload_pb2
from millhand_server.core.execution import Isolation
from millhand_server.core.ports import Shape
from millhand_server.engine.catalogue import CatalogueEntry
from millhand_server.rpc import json_value
from millhand_server.rpc.payload import parse
from millhand_server.rpc.wire_time import write_duration

#: Schemas are ours and bounded by the types they tell of; payloads have a limit of their own.
_SCHEMA_DEPTH = 100


@dataclass(frozen=True)
class Reach:
    """How somebody with a shell reaches this server: the address, and what grpcurl wants before it."""

    address: str
    options: str = "-plaintext"


def handler(entry: CatalogueEntry, reach: Reach) -> handler_pb2.Handler:
    """Returns what a caller sees of a handler; `reach` is where and how the example calls."""
    definition = entry.handler
    message = handler_pb2.Handler(
        name=definition.name,
        description=definition.description,
        output_type=entry.result.message_type,
        isolation=entry.isolation.value,  # type: ignore[arg-type]  # the numbers are the same, by a test
        kill_guarantee=_kill_guarantee(entry),
        example=_example(entry, reach),
    )
    if entry.request is not None:
        message.input_type = entry.request.shape.message_type
        _write_schema(message.input_schema, entry.request.shape)
    _write_schema(message.output_schema, entry.result)
    _write_defaults(message, definition)
    return message


def _write_schema(target: Struct, shape: Shape) -> None:
    if shape.schema is not None:
        value = Value()
        json_value.fill(value, shape.schema, _SCHEMA_DEPTH)
        target.CopyFrom(value.struct_value)


def _kill_guarantee(entry: CatalogueEntry) -> handler_pb2.KillGuarantee:
    if entry.isolation is Isolation.ASYNC and entry.handler.raise_on_cancel:
        return handler_pb2.KILL_GUARANTEE_EXCEPTION
    return handler_pb2.KILL_GUARANTEE_COOPERATIVE


def _example(entry: CatalogueEntry, reach: Reach) -> str:
    task: dict[str, object] = {"handler": entry.name}
    if entry.example:
        task["payload"] = _as_json(parse(entry.example))
    data = shlex.quote(json.dumps({"task": task}, separators=(",", ":"), ensure_ascii=False, sort_keys=True))
    start = f"grpcurl {reach.options}".rstrip()
    return f"{start} -d {data} {reach.address} millhand.v1.TaskService/ExecuteTask"


def _as_json(payload: payload_pb2.Payload) -> object:
    # A number is a double to MessageToDict, and a person who reads `3.0` wonders whether 3 would do.
    if payload.WhichOneof("kind") == "json":
        return {"json": json_value.to_python(payload.json)}
    return json_format.MessageToDict(payload)


def _write_defaults(message: handler_pb2.Handler, definition: Handler) -> None:
    defaults = message.defaults
    defaults.SetInParent()
    if definition.queue:
        defaults.queue = definition.queue
    if definition.priority:
        defaults.priority = definition.priority
    if definition.retries is not None:
        defaults.retries = definition.retries
    if definition.retry_delay is not None:
        _write(defaults.retry_delay, definition.retry_delay)
    if definition.timeout is not None:
        _write(defaults.timeout, definition.timeout)
    if definition.start_timeout is not None:
        _write(defaults.start_timeout, definition.start_timeout)


def _write(target: Duration, value: timedelta) -> None:
    write_duration(target, value // timedelta(microseconds=1))
