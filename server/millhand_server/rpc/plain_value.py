"""Values beside plain JSON that handlers return (dataclasses, models, dates), as the JSON for them."""

from __future__ import annotations

import msgspec
from google.protobuf import json_format
from google.protobuf.message import Message


def to_plain(value: object) -> object:
    """Returns dicts, lists, strings and numbers that stand for a value, all the way down.

    Dataclasses, TypedDicts, Structs and pydantic models become objects, as do messages in protobuf's JSON
    mapping; sets and tuples lists; dates, UUIDs, Decimals and bytes (base64) strings; enums their value.

    Raises:
        TypeError: nothing in JSON stands for it, or for something in it.
    """
    try:
        if _is_foreign(value):
            return _foreign(value)
        return msgspec.to_builtins(value, str_keys=True, enc_hook=_foreign)
    except RecursionError:
        raise TypeError("it contains itself") from None


def _is_foreign(value: object) -> bool:
    return isinstance(value, Message) or hasattr(type(value), "__pydantic_serializer__")


def _foreign(value: object) -> object:
    """Converts what msgspec leaves to others."""
    if isinstance(value, Message):
        return json_format.MessageToDict(value)
    # Found by its mark and not by isinstance: pydantic is optional, and slow to import.
    serializer = getattr(type(value), "__pydantic_serializer__", None)
    if serializer is None:
        raise TypeError(f"a {type(value).__name__} is no JSON")
    try:
        return serializer.to_python(value, mode="json", by_alias=True)
    except ValueError:
        raise TypeError(f"a {type(value).__name__} holds what is no JSON") from None
