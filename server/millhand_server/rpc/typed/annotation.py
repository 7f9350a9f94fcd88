"""An annotation taken apart by the kinds of payload that it allows."""

from __future__ import annotations

import typing
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Union

from google.protobuf.message import Message

from millhand.kit import Blob
from millhand_server.core.ports import UnsupportedType

_ANYTHING = (Any, object)
_OBJECTS = (dict, Mapping, MutableMapping)
_BYTES = (bytes, bytearray, memoryview)


@dataclass(frozen=True)
class Arms:
    """What may arrive: nothing (`null`), a blob, messages of some types, JSON of some shape.

    `blob` is the type in which bytes are wanted, None if they are not. `json` is an annotation, None if no
    JSON is taken. `anything`: the annotation leaves open what arrives, or asks only for a plain object.
    """

    null: bool = False
    blob: type | None = None
    messages: tuple[type[Message], ...] = ()
    json: object = None
    anything: bool = False


def arms_of(annotation: object) -> Arms:
    """Takes an annotation apart.

    Raises:
        UnsupportedType: the same payload would fit twice, or a message is meant that has no type.
    """
    members = _members(annotation)
    if all(member is NoneType or is_anything(member) for member in members) and members != [NoneType]:
        return Arms(anything=True)
    blobs = [member for member in members if member is Blob or member in _BYTES]
    messages = [member for member in members if _is_message(member)]
    others = [m for m in members if m is not NoneType and m not in blobs and m not in messages]
    if len(blobs) > 1:
        raise UnsupportedType("bytes and Blob are the same payload, so name one of them")
    if Message in messages:
        raise UnsupportedType("Message has no fields; name the message type, or leave the annotation out")
    return Arms(
        null=NoneType in members,
        blob=blobs[0] if blobs else None,
        messages=tuple(messages),
        json=_joined(annotation, others, whole=not blobs and not messages and NoneType not in members),
    )


def is_anything(annotation: object) -> bool:
    """Tells whether an annotation says nothing more of a value than that it is an object, if that."""
    if annotation in _ANYTHING:
        return True
    kind = typing.get_origin(annotation) or annotation
    arguments = typing.get_args(annotation)
    return kind in _OBJECTS and (not arguments or (arguments[0] in (str, Any) and arguments[1] in _ANYTHING))


def _members(annotation: object) -> list[Any]:
    """Returns the alternatives of an annotation, looking through names and remarks."""
    annotation = _named(annotation)
    if typing.get_origin(annotation) in (Union, UnionType):
        return [member for part in typing.get_args(annotation) for member in _members(part)]
    if typing.get_origin(annotation) is Annotated:
        inside = _members(typing.get_args(annotation)[0])
        # What is remarked of JSON (a bound, how to tell alternatives apart) belongs to its check.
        return inside if all(member in (*_BYTES, Blob) for member in inside) else [annotation]
    return [annotation]


def _named(annotation: Any) -> Any:
    """Returns what a NewType or a `type` statement stands for."""
    while True:
        inner = getattr(annotation, "__supertype__", None) or getattr(annotation, "__value__", None)
        if inner is None or isinstance(annotation, type):
            return annotation
        annotation = inner


def _is_message(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Message)


def _joined(annotation: object, members: list[Any], *, whole: bool) -> object:
    if not members:
        return None
    return annotation if whole else Union[tuple(members)]  # noqa: UP007 - made here, not written
