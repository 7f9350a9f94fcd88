"""Protobuf messages from JSON, in protobuf's JSON mapping: the conversion, the fault, the schema."""

from __future__ import annotations

from typing import Any, cast

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from millhand_server.rpc.typed.mismatch import Fault, Mismatch

_OWN_FORM = "google.protobuf."

#: Of an enum's names, how many a fault tells.
_MOST_NAMES = 10


def from_json(kind: type[Message], value: object) -> Message:
    """Returns the message that JSON values stand for.

    Raises:
        Mismatch: they stand for no message of this type.
    """
    descriptor = _descriptor(kind)
    message = _parsed(descriptor, value)
    if message is None:
        raise Mismatch([_fault(descriptor, value, "")])
    return message


def brief_schema(kind: type[Message]) -> dict[str, Any]:
    """Returns a schema that says of a message within other JSON what it is, not what is in it."""
    descriptor = _descriptor(kind)
    known = _WELL_KNOWN.get(descriptor.full_name)
    return {"title": descriptor.full_name, **(known if known is not None else {"type": "object"})}


def schema_of(kind: type[Message]) -> dict[str, Any]:
    """Returns the JSON Schema of a message type, with the types of its fields under `$defs`."""
    descriptor = _descriptor(kind)
    if descriptor.full_name in _WELL_KNOWN:
        return brief_schema(kind)
    definitions: dict[str, Any] = {}
    _define(descriptor, definitions)
    return {"$ref": f"#/$defs/{descriptor.full_name}", "$defs": definitions}


def _descriptor(kind: type[Message]) -> Descriptor:
    # The stubs tell the one in C from that in Python, which have the same members.
    return cast(Descriptor, kind.DESCRIPTOR)


def _parsed(descriptor: Descriptor, value: object) -> Message | None:
    message = message_factory.GetMessageClass(descriptor)()
    if not isinstance(value, dict) and not descriptor.full_name.startswith(_OWN_FORM):
        return None
    try:
        return json_format.ParseDict(value, message)  # type: ignore[arg-type]  # it takes all JSON, the stubs do not
    except (json_format.ParseError, TypeError, ValueError, AttributeError):
        # Beside ParseError it lets out what its own code meets in values of odd types. All of them quote.
        return None


def _fault(descriptor: Descriptor, value: object, path: str) -> Fault:
    """Returns the first fault of a value that is no message of this type."""
    if descriptor.full_name.startswith(_OWN_FORM):
        return Fault(path, f"is no {descriptor.full_name} in JSON")
    if not isinstance(value, dict):
        return Fault(path, f"must be an object, a {descriptor.full_name} in JSON")
    fields = _fields(descriptor)
    for key, item in value.items():
        field = fields.get(key)
        if field is None:
            return Fault(f"{path}.{key}", f"is no field of {descriptor.full_name}")
        if _parsed(descriptor, {key: item}) is None:
            return _field_fault(descriptor, field, key, item, f"{path}.{key}")
    return Fault(path, f"has fields that exclude each other in {descriptor.full_name}")


def _field_fault(descriptor: Descriptor, field: FieldDescriptor, key: str, item: Any, path: str) -> Fault:
    if (value_field := _map_value(field)) is not None:
        if not isinstance(item, dict):
            return Fault(path, "must be an object")
        for name, one in item.items():
            if _parsed(descriptor, {key: {name: one}}) is None:
                return _value_fault(value_field, one, f"{path}.{name}")
    elif field.is_repeated:
        if not isinstance(item, list):
            return Fault(path, "must be an array")
        for index, one in enumerate(item):
            if _parsed(descriptor, {key: [one]}) is None:
                return _value_fault(field, one, f"{path}[{index}]")
    return _value_fault(field, item, path)


def _value_fault(field: FieldDescriptor, value: object, path: str) -> Fault:
    if field.message_type is not None:
        return _fault(field.message_type, value, path)
    if field.enum_type is not None:
        names = ", ".join(value.name for value in field.enum_type.values[:_MOST_NAMES])
        more = ", ..." if len(field.enum_type.values) > _MOST_NAMES else ""
        return Fault(path, f"must be the name of a {field.enum_type.full_name}: {names}{more}")
    return Fault(path, f"must be {_SCALARS[field.type][0]}")


def _fields(descriptor: Descriptor) -> dict[str, FieldDescriptor]:
    return {name: field for field in descriptor.fields for name in (field.name, field.json_name)}


def _map_value(field: FieldDescriptor) -> FieldDescriptor | None:
    """Returns the field of a map's values; None if it is no map."""
    entry = field.message_type
    return entry.fields_by_name["value"] if entry is not None and entry.GetOptions().map_entry else None


def _define(descriptor: Descriptor, definitions: dict[str, Any]) -> None:
    if descriptor.full_name in definitions:
        return
    properties: dict[str, Any] = {}
    # Entered before its fields are looked at: a message may contain itself.
    definitions[descriptor.full_name] = {
        "title": descriptor.name,
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    for field in descriptor.fields:
        properties[field.json_name] = _field_schema(field, definitions)


def _field_schema(field: FieldDescriptor, definitions: dict[str, Any]) -> dict[str, Any]:
    if (value_field := _map_value(field)) is not None:
        return {"type": "object", "additionalProperties": _value_schema(value_field, definitions)}
    value = _value_schema(field, definitions)
    return {"type": "array", "items": value} if field.is_repeated else value


def _value_schema(field: FieldDescriptor, definitions: dict[str, Any]) -> dict[str, Any]:
    if field.enum_type is not None:
        return {"type": "string", "enum": [value.name for value in field.enum_type.values]}
    if field.message_type is None:
        return _SCALARS[field.type][1]
    if field.message_type.full_name in _WELL_KNOWN:
        return _WELL_KNOWN[field.message_type.full_name]
    _define(field.message_type, definitions)
    return {"$ref": f"#/$defs/{field.message_type.full_name}"}


def _integer(bits: int, *, signed: bool) -> tuple[str, dict[str, Any]]:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    said = f"an integer from {low} to {high}"
    if bits == 32:
        return said, {"type": "integer", "minimum": low, "maximum": high}
    # What JSON numbers cannot hold, the mapping writes as strings.
    return said, {"type": ["string", "integer"], "examples": ["1"]}


_INT32, _UINT32 = _integer(32, signed=True), _integer(32, signed=False)
_INT64, _UINT64 = _integer(64, signed=True), _integer(64, signed=False)
_NUMBER = ("a number", {"type": "number"})

#: How a fault names a scalar, and its schema.
_SCALARS: dict[int, tuple[str, dict[str, Any]]] = {
    FieldDescriptor.TYPE_DOUBLE: _NUMBER,
    FieldDescriptor.TYPE_FLOAT: _NUMBER,
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_SINT32: _INT32,
    FieldDescriptor.TYPE_SFIXED32: _INT32,
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_FIXED32: _UINT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_SINT64: _INT64,
    FieldDescriptor.TYPE_SFIXED64: _INT64,
    FieldDescriptor.TYPE_UINT64: _UINT64,
    FieldDescriptor.TYPE_FIXED64: _UINT64,
    FieldDescriptor.TYPE_BOOL: ("a boolean", {"type": "boolean"}),
    FieldDescriptor.TYPE_STRING: ("a string", {"type": "string"}),
    FieldDescriptor.TYPE_BYTES: ("base64", {"type": "string", "contentEncoding": "base64"}),
}

#: Messages that have a form of their own in JSON.
_WELL_KNOWN: dict[str, dict[str, Any]] = {
    "google.protobuf.Any": {
        "type": "object",
        "required": ["@type"],
        "properties": {"@type": {"type": "string"}},
    },
    "google.protobuf.Duration": {"type": "string", "examples": ["1.5s"]},
    "google.protobuf.Empty": {"type": "object", "additionalProperties": False},
    "google.protobuf.FieldMask": {"type": "string", "examples": ["name"]},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Value": {},
    "google.protobuf.BoolValue": {"type": "boolean"},
    "google.protobuf.BytesValue": {"type": "string", "contentEncoding": "base64"},
    "google.protobuf.DoubleValue": {"type": "number"},
    "google.protobuf.FloatValue": {"type": "number"},
    "google.protobuf.Int32Value": {"type": "integer"},
    "google.protobuf.Int64Value": {"type": ["string", "integer"], "examples": ["1"]},
    "google.protobuf.StringValue": {"type": "string"},
    "google.protobuf.UInt32Value": {"type": "integer"},
    "google.protobuf.UInt64Value": {"type": ["string", "integer"], "examples": ["1"]},
}
