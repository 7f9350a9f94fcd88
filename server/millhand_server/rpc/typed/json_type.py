"""The type of a JSON value: which library reads it, and the schema as it is published."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, Protocol

import msgspec

from millhand_server.core.ports import UnsupportedType
from millhand_server.rpc.typed import by_msgspec
from millhand_server.rpc.typed.annotation import is_anything
from millhand_server.rpc.typed.by_msgspec import MsgspecType

#: The largest integers that published schemas may name exactly; beyond, JSON rounds.
_MOST_EXACT = 2**53


class JsonType(Protocol):
    """Reads JSON values as values of one type. Safe from any thread."""

    schema: dict[str, Any]

    def read(self, value: object) -> object:
        """Returns the value in the type's form; raises `Mismatch` when it does not fit."""
        ...


def json_type(annotation: object) -> JsonType:
    """Returns what reads JSON for an annotation: pydantic where it has a model in it, else msgspec.

    Raises:
        UnsupportedType: nothing reads it.
    """
    if not _holds_pydantic(annotation, set()):
        return MsgspecType(annotation)
    from millhand_server.rpc.typed.by_pydantic import PydanticType

    return PydanticType(annotation)


def result_schema(annotation: object) -> dict[str, Any] | None:
    """Returns the schema of what a handler returns; None where it would say nothing, or cannot be told.

    Results are encoded by what they are, so that alternatives which no reader could tell apart are fine.

    Raises:
        UnsupportedType: something in it cannot be encoded.
    """
    if is_anything(annotation):
        return None
    if _holds_pydantic(annotation, set()):
        from millhand_server.rpc.typed.by_pydantic import result_schema

        return published(result_schema(annotation))
    try:
        return published(by_msgspec.schema_of(annotation))
    except by_msgspec.Indistinct:
        return None


def published(schema: dict[str, Any]) -> dict[str, Any]:
    """Returns a schema as plain JSON values; a definition that only its root uses takes the root's place."""
    plain = msgspec.json.decode(msgspec.json.encode(schema, enc_hook=str))
    plain = _within_doubles(plain)
    definitions = plain.get("$defs", {})
    name = str(plain.get("$ref", "")).removeprefix("#/$defs/")
    if name in definitions and msgspec.json.encode(plain).count(f'"#/$defs/{name}"'.encode()) == 1:
        rest = {key: value for key, value in definitions.items() if key != name}
        return {**definitions[name], **({"$defs": rest} if rest else {})}
    return typing.cast(dict[str, Any], plain)


def _within_doubles(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _within_doubles(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_within_doubles(item) for item in value]
    if isinstance(value, int) and abs(value) > _MOST_EXACT:
        return float(value)
    return value


def _holds_pydantic(annotation: Any, seen: set[int]) -> bool:
    """Tells whether a model of pydantic stands anywhere in an annotation."""
    if hasattr(annotation, "__pydantic_validator__"):
        return True
    if id(annotation) in seen:
        return False
    seen.add(id(annotation))
    return any(_holds_pydantic(part, seen) for part in _parts(annotation))


def _parts(annotation: Any) -> list[Any]:
    for inner in ("__supertype__", "__value__"):
        if not isinstance(annotation, type) and hasattr(annotation, inner):
            return [getattr(annotation, inner)]
    if typing.get_origin(annotation) is not None:
        return [typing.get_origin(annotation), *typing.get_args(annotation)]
    has_fields = (
        dataclasses.is_dataclass(annotation)
        or typing.is_typeddict(annotation)
        or (isinstance(annotation, type) and issubclass(annotation, msgspec.Struct))
    )
    if not has_fields:
        return []
    try:
        return list(typing.get_type_hints(annotation, include_extras=True).values())
    except Exception as error:
        raise UnsupportedType(
            f"the fields of {annotation.__qualname__} cannot be resolved; {error}"
        ) from None
