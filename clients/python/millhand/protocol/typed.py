"""Outputs as the type that a caller asked for. msgspec and pydantic are used where they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, get_args

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from millhand.errors import UnexpectedOutput, Violation
from millhand.kit import Blob
from millhand.protocol.payloads import decode
from millhand.v1 import payload_pb2

_Convert = Callable[[payload_pb2.Payload], Any]

#: Types that payloads hold as they are. `bool` is no `int` here.
_PLAIN = (dict, list, str, bool, int, float, bytes, Blob)


def converter(kind: Any) -> _Convert:
    """What reads a payload as a `kind`, and raises UnexpectedOutput if it is none.

    Raises:
        ImportError: If `kind` needs msgspec or pydantic, which are not installed.
        TypeError: If nothing can be read as a `kind`.
    """
    if kind in _PLAIN:
        return lambda payload: _plain(kind, payload)
    if isinstance(kind, type) and issubclass(kind, Message):
        return lambda payload: _message(kind, payload)
    if _has_model(kind):
        return _by_pydantic(kind)
    return _by_msgspec(kind)


def _plain(kind: type, payload: payload_pb2.Payload) -> Any:
    if kind is Blob and payload.WhichOneof("kind") == "blob":
        return Blob(data=payload.blob.data, content_type=payload.blob.content_type)
    if kind is bytes and payload.WhichOneof("kind") == "blob":
        return payload.blob.data
    value = decode(payload)
    if kind is float and type(value) is int:
        # An integral double comes back as an int.
        return float(value)
    if type(value) is not kind:
        raise _unexpected("output", f"is {_name_of(value)}, not {kind.__name__}")
    return value


def _message(kind: type[Message], payload: payload_pb2.Payload) -> Message:
    message = kind()
    name = kind.DESCRIPTOR.full_name
    try:
        if payload.WhichOneof("kind") == "json":
            json_format.ParseDict(decode(payload), message)
        elif not payload.message.Unpack(message):
            found = payload.message.type_url.rpartition("/")[2] or payload.WhichOneof("kind") or "nothing"
            raise _unexpected("output", f"is {found}, not {name}")
    except (json_format.ParseError, DecodeError, TypeError, AttributeError) as error:
        raise _unexpected("output", f"cannot be read as {name}: {error}") from error
    return message


def _by_pydantic(kind: Any) -> _Convert:
    pydantic = _required("pydantic", kind)
    adapter = pydantic.TypeAdapter(kind)

    def convert(payload: payload_pb2.Payload) -> Any:
        try:
            return adapter.validate_python(decode(payload))
        except pydantic.ValidationError as error:
            violations = tuple(
                Violation("output" + _path(fault["loc"]), fault["msg"])
                for fault in error.errors(include_url=False, include_context=False, include_input=False)
            )
            raise UnexpectedOutput("the output does not fit its model", violations=violations) from error

    return convert


def _by_msgspec(kind: Any) -> _Convert:
    msgspec = _required("msgspec", kind)
    # Says at once what msgspec cannot do, with its own words.
    msgspec.json.Decoder(kind)

    def convert(payload: payload_pb2.Payload) -> Any:
        try:
            return msgspec.convert(decode(payload), kind)
        except msgspec.ValidationError as error:
            description, _, path = str(error).partition(" - at `$")
            raise _unexpected("output" + path.rstrip("`"), description) from error

    return convert


def _has_model(kind: Any) -> bool:
    # What every pydantic model and dataclass has. Asking pydantic itself would import it.
    return hasattr(kind, "__pydantic_core_schema__") or any(_has_model(part) for part in get_args(kind))


def _required(library: str, kind: Any) -> Any:
    try:
        return import_module(library)
    except ImportError as error:
        name = getattr(kind, "__name__", kind)
        raise ImportError(
            f"result_type {name} needs {library}, which is not installed: pip install 'millhand[typed]'"
        ) from error


def _path(steps: tuple[int | str, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _name_of(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _unexpected(field: str, description: str) -> UnexpectedOutput:
    return UnexpectedOutput(f"{field} {description}", violations=(Violation(field, description),))
