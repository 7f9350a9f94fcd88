"""The catalogue of handlers on the wire, each with a command that tries it."""

from __future__ import annotations

import json
import shlex
from datetime import timedelta

from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from millhand.kit import Handler
from millhand.v1 import handler_pb2, payload_pb2
from millhand_server.core.execution import Isolation
from millhand_server.engine.catalogue import CatalogueEntry
from millhand_server.rpc import json_value
from millhand_server.rpc.codec import ProtoCodec
from millhand_server.rpc.wire_time import write_duration

_CODEC = ProtoCodec()


def handler(entry: CatalogueEntry, address: str) -> handler_pb2.Handler:
    """Returns what a caller sees of a handler; `address` is where the example calls."""
    definition = entry.handler
    message = handler_pb2.Handler(
        name=definition.name,
        description=definition.description,
        input_type=_message_name(definition.request_type),
        output_type=_message_name(definition.result_type),
        isolation=entry.isolation.value,  # type: ignore[arg-type]  # the numbers are the same, by a test
        kill_guarantee=_kill_guarantee(entry),
        example=_example(definition, address),
    )
    _write_defaults(message, definition)
    return message


def _message_name(annotation: object) -> str:
    if isinstance(annotation, type) and issubclass(annotation, Message):
        return annotation.DESCRIPTOR.full_name
    return ""


def _kill_guarantee(entry: CatalogueEntry) -> handler_pb2.KillGuarantee:
    if entry.isolation is Isolation.ASYNC and entry.handler.raise_on_cancel:
        return handler_pb2.KILL_GUARANTEE_EXCEPTION
    return handler_pb2.KILL_GUARANTEE_COOPERATIVE


def _example(definition: Handler, address: str) -> str:
    task: dict[str, object] = {"handler": definition.name}
    if definition.example is not None:
        payload = payload_pb2.Payload.FromString(_CODEC.encode(definition.example))
        task["payload"] = _as_json(payload)
    data = shlex.quote(json.dumps({"task": task}, separators=(",", ":"), ensure_ascii=False))
    return f"grpcurl -plaintext -d {data} {address} millhand.v1.TaskService/ExecuteTask"


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
