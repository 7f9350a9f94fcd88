"""google.protobuf.Value to Python and back, by hand: json_format takes twice as long and loses integers."""

from __future__ import annotations

import math
from collections.abc import Mapping

from google.protobuf import struct_pb2

from millhand_server.rpc.plain_value import to_plain

#: Up to here a double holds every integer exactly.
MAX_INTEGER = 2**53


#: No message can be larger.
_MESSAGE_BYTES = 2**31 - 1


class Fault(Exception):
    """What is wrong with a value, and where: `steps` lead from the root to it (`.width`, `[3]`)."""

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description
        self.steps: list[str] = []

    @property
    def path(self) -> str:
        return "".join(reversed(self.steps))


def to_python(value: struct_pb2.Value) -> object:
    """Returns the value with integral numbers up to 2^53 as int, larger ones and fractions as float."""
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() and -MAX_INTEGER <= number <= MAX_INTEGER else number
        case "string_value":
            return value.string_value
        case "struct_value":
            # A map of protobuf's looks a key up faster than it makes pairs.
            fields = value.struct_value.fields
            return {key: to_python(fields[key]) for key in fields}
        case "list_value":
            return [to_python(item) for item in value.list_value.values]
        case "bool_value":
            return value.bool_value
        case _:
            return None


def check(value: struct_pb2.Value, max_depth: int) -> None:
    """Checks a value that somebody sent; `max_depth` objects and lists may stand inside one another.

    Raises:
        Fault: it holds NaN, an infinity, a value of no kind, or is nested deeper.
    """
    match value.WhichOneof("kind"):
        case "string_value":
            pass
        case "number_value":
            if not math.isfinite(value.number_value):
                raise Fault(f"is {value.number_value}, which JSON does not have; send a string")
        case "struct_value":
            _check_room(max_depth)
            _check_fields(value.struct_value, max_depth - 1)
        case "list_value":
            _check_room(max_depth)
            _check_items(value.list_value, max_depth - 1)
        case None:
            raise Fault("has no kind set; null is `null_value`")
        case _:
            pass


class TooLarge(Exception):
    """A value takes more bytes than it may."""


def fill(target: struct_pb2.Value, value: object, max_depth: int, max_bytes: int = _MESSAGE_BYTES) -> None:
    """Writes a Python value into `target`, which must be empty.

    What is no JSON by itself is written as the JSON that stands for it.

    Raises:
        Fault: JSON cannot hold it: NaN, an infinity, an integer beyond 2^53, a key that is no string, text
            that is not Unicode, a type that nothing stands for, or deeper nesting (which ends cycles too).
        TooLarge: it takes more than `max_bytes`, found out before it takes as much again. One that takes
            little more may get through.
    """
    if isinstance(value, str) and len(value) <= max_bytes:
        # A text alone needs nobody to keep count.
        target.string_value = _text(value)
        return
    _fill(target, value, max_depth, _Room(max_bytes))


class _Room:
    """The bytes that are left. Each value takes at least what it does on the wire."""

    __slots__ = ("_left",)

    def __init__(self, left: int) -> None:
        self._left = left

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise TooLarge


#: Of a value inside a list or an object: tags and lengths. A number has its double beside them.
_VALUE_BYTES = 4
_NUMBER_BYTES = 7


def _fill(target: struct_pb2.Value, value: object, max_depth: int, room: _Room) -> None:
    match value:
        case str():
            room.take(len(value))
            target.string_value = _text(value)
        case bool():
            target.bool_value = value
        case int() | float():
            room.take(_NUMBER_BYTES)
            target.number_value = _number(value)
        case None:
            target.null_value = struct_pb2.NULL_VALUE
        case list() | tuple():
            _check_room(max_depth)
            _fill_items(target.list_value, value, max_depth - 1, room)
        case dict() | Mapping():
            _check_room(max_depth)
            _fill_fields(target.struct_value, value, max_depth - 1, room)
        case _:
            _fill(target, _plain(value), max_depth, room)


def _plain(value: object) -> object:
    try:
        plain = to_plain(value)
    except TypeError:
        raise Fault(
            f"is a {type(value).__name__}, which is, or holds, no JSON, bytes or protobuf message"
        ) from None
    if isinstance(plain, str | int | float | None | Mapping | list):
        return plain
    raise Fault(f"is a {type(value).__name__}, which turns itself into a {type(plain).__name__}")


def _check_room(depth: int) -> None:
    if depth <= 0:
        raise Fault("is nested deeper than max_json_depth allows")


def _check_fields(value: struct_pb2.Struct, max_depth: int) -> None:
    fields = value.fields
    for key in fields:
        try:
            check(fields[key], max_depth)
        except Fault as fault:
            fault.steps.append(f".{key}")
            raise


def _check_items(value: struct_pb2.ListValue, max_depth: int) -> None:
    for index, item in enumerate(value.values):
        try:
            check(item, max_depth)
        except Fault as fault:
            fault.steps.append(f"[{index}]")
            raise


def _fill_fields(
    target: struct_pb2.Struct, value: Mapping[object, object], max_depth: int, room: _Room
) -> None:
    # An empty object must still be set: an untouched field would be a value of no kind.
    target.SetInParent()
    fields = target.fields
    for key, item in value.items():
        if not isinstance(key, str):
            raise Fault(f"has a key that is a {type(key).__name__}; keys are strings")
        name = _text(key)
        room.take(_VALUE_BYTES + len(name))
        try:
            _fill(fields[name], item, max_depth, room)
        except Fault as fault:
            fault.steps.append(f".{key}")
            raise


def _fill_items(
    target: struct_pb2.ListValue, value: list[object] | tuple[object, ...], max_depth: int, room: _Room
) -> None:
    target.SetInParent()
    values = target.values
    for index, item in enumerate(value):
        room.take(_VALUE_BYTES)
        try:
            _fill(values.add(), item, max_depth, room)
        except Fault as fault:
            fault.steps.append(f"[{index}]")
            raise


def _number(value: float) -> float:
    if isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise Fault("is an integer beyond 2^53, which JSON would round; use a string or a message")
    elif not math.isfinite(value):
        raise Fault(f"is {value}, which JSON does not have; use a string")
    return float(value)


def _text(value: str) -> str:
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Fault("has text that is not valid Unicode; use bytes") from None
    return value
