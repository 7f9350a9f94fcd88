"""Python values to payloads and back. JSON numbers are doubles on the wire: what that changes is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from google.protobuf import any_pb2, descriptor_pool, message_factory, struct_pb2
from google.protobuf.message import DecodeError, Message

from millhand.errors import InvalidPayload, Violation
from millhand.kit import Blob
from millhand.protocol.plain import plain
from millhand.v1 import payload_pb2

#: The largest integer up to which a double holds every integer.
MAX_INTEGER = 2**53

#: Only a guard against structures that contain themselves: the server's limit is lower and its to tell.
_MAX_NESTING = 64


def encode(value: object, field: str = "payload") -> payload_pb2.Payload:
    """`value` as a payload.

    Bytes and `Blob` become a blob, a protobuf message becomes an Any, and what JSON knows becomes JSON;
    dataclasses, msgspec Structs and pydantic models are JSON objects. What else may be in JSON has the form
    that handlers' types read: dates, durations, UUIDs, Decimals and bytes (base64) strings, sets lists, enums
    their value.

    Raises:
        InvalidPayload: For NaN and infinities, integers beyond 2^53, keys that are no strings, text that is
            not valid Unicode, and types of which JSON knows nothing; it names the path.
    """
    payload = payload_pb2.Payload()
    match value:
        case payload_pb2.Payload():
            return value
        case bytes() | bytearray() | memoryview():
            payload.blob.data = bytes(value)
        case Blob():
            payload.blob.data = value.data
            payload.blob.content_type = value.content_type
        case any_pb2.Any():
            payload.message.CopyFrom(value)
        case struct_pb2.Value():
            payload.json.CopyFrom(value)
        case Message():
            payload.message.Pack(value)
        case _:
            _fill(payload.json, value, field, 0)
    return payload


def decode(payload: payload_pb2.Payload) -> Any:
    """The value in `payload`, so that what was sent as Python comes back as the same Python.

    A blob without a content type is bytes, else a `Blob`; a message whose type this process does not know
    stays an Any; a payload with nothing in it is None.
    """
    kind = payload.WhichOneof("kind")
    if kind == "json":
        return _json_value(payload.json)
    if kind == "blob":
        blob = payload.blob
        return Blob(data=blob.data, content_type=blob.content_type) if blob.content_type else blob.data
    if kind == "message":
        return _unpacked(payload.message)
    return None


def _fill(target: struct_pb2.Value, value: object, path: str, depth: int) -> None:
    if depth > _MAX_NESTING:
        raise _refusal(path, "is nested too deeply, or contains itself")
    match value:
        case Enum():
            # First, because some are strings or numbers, too.
            _fill(target, value.value, path, depth)
        case None:
            target.null_value = struct_pb2.NULL_VALUE
        case bool():
            target.bool_value = value
        case int() | float():
            target.number_value = _number(value, path)
        case str():
            target.string_value = _text(value, path)
        case Mapping():
            _fill_struct(target.struct_value, value, path, depth)
        case list() | tuple():
            # An empty list must still be set: an untouched field would be a value of no kind.
            target.list_value.SetInParent()
            for index, item in enumerate(value):
                _fill(target.list_value.values.add(), item, f"{path}[{index}]", depth + 1)
        case _:
            _fill_form(target, value, path, depth)


def _fill_form(target: struct_pb2.Value, value: object, path: str, depth: int) -> None:
    """Fills in the JSON that stands for what is none by itself."""
    what = f"a {type(value).__name__}"
    if isinstance(value, Blob | Message):
        raise _refusal(path, f"{what} is a payload of its own and cannot be within JSON")
    if (held := _fields_of(value)) is not None:
        _fill_struct(target.struct_value, held, path, depth)
    elif (form := plain(value)) is not value:
        _fill(target, form, path, depth)
    else:
        raise _refusal(path, f"{what} is neither JSON nor anything that JSON can stand for")


def _fields_of(value: object) -> Mapping[str, object] | None:
    """What a dataclass, msgspec Struct or pydantic model holds; None for anything else."""
    if isinstance(value, type):
        return None
    if hasattr(value, "__struct_fields__"):
        import msgspec

        return _mapping(msgspec.to_builtins(value))
    if hasattr(value, "__pydantic_serializer__"):
        import pydantic

        return _mapping(pydantic.TypeAdapter(type(value)).dump_python(value, mode="json", by_alias=True))
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return None


def _mapping(value: object) -> Mapping[str, object] | None:
    return value if isinstance(value, Mapping) else None


def _fill_struct(target: struct_pb2.Struct, value: Mapping[Any, object], path: str, depth: int) -> None:
    target.SetInParent()
    for key, item in value.items():
        if not isinstance(key, str):
            raise _refusal(path, f"the key {key!r} is not a string")
        _fill(target.fields[_text(key, path)], item, f"{path}.{key}", depth + 1)


def _number(value: float, path: str) -> float:
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            advice = "send a string or a protobuf message"
            raise _refusal(path, f"an integer beyond 2^53 would lose digits as JSON: {advice}")
    elif not math.isfinite(value):
        raise _refusal(path, f"JSON has no {value}: send a string or a protobuf message")
    return float(value)


def _text(value: str, path: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _refusal(path, "is not valid Unicode: send bytes") from None
    return value


def _refusal(path: str, description: str) -> InvalidPayload:
    return InvalidPayload(f"{path}: {description}", violations=(Violation(path, description),))


def _json_value(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() and abs(number) <= MAX_INTEGER else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return {key: _json_value(item) for key, item in value.struct_value.fields.items()}
        case "list_value":
            return [_json_value(item) for item in value.list_value.values]
        case _:
            return None


def _unpacked(packed: any_pb2.Any) -> Message:
    name = packed.type_url.rpartition("/")[2]
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(name)
        message: Message = message_factory.GetMessageClass(descriptor)()
        message.ParseFromString(packed.value)
    except (KeyError, DecodeError):
        # Not known here, or of another version than here: the caller still gets the bytes and the name.
        return packed
    return message
