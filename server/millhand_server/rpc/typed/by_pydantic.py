"""JSON as pydantic models, and as what is built of them. Imported only when an annotation has one."""

from __future__ import annotations

import logging
from typing import Any, Literal, get_args

import msgspec
import pydantic
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from millhand_server.core.ports import UnsupportedType
from millhand_server.rpc.typed.mismatch import Fault, Mismatch, refused_by

#: More are only counted: telling of each takes memory, and nobody reads them.
_MOST_FAULTS = 1_000

#: Whose texts are pydantic's own; a validator's own error may quote what it was given.
_KNOWN = frozenset(get_args(ErrorType))

#: What a text quotes when its error has it: the validator's own words, or the value's.
_QUOTING = frozenset({"error", "tag"})

logger = logging.getLogger(__name__)


class PydanticType:
    """A type that pydantic knows. Safe from any thread."""

    def __init__(self, annotation: Any) -> None:
        """Takes the annotation, and looks at all that it is made of.

        Raises:
            UnsupportedType: pydantic has no check for something in it.
        """
        self._adapter = _adapter(annotation)
        self.annotation = annotation
        self.schema = _schema(self._adapter, "validation")

    def read(self, value: object) -> object:
        """Returns JSON values as the type has them, as strict or lenient as the model is configured.

        Raises:
            Mismatch: they do not fit.
        """
        try:
            # As JSON, because strict models take dates and UUIDs as strings only from there.
            return self._adapter.validate_json(msgspec.json.encode(value))
        except pydantic.ValidationError as error:
            raise Mismatch(_faults(error, value)) from None
        except Exception as error:
            # A validator broke; its text may quote the value.
            logger.warning("the type %r raised %s for a payload", self.annotation, type(error).__name__)
            raise Mismatch([Fault("", refused_by(error))]) from None


def result_schema(annotation: Any) -> dict[str, Any]:
    """Returns the JSON Schema of what a handler with this return annotation returns.

    Raises:
        UnsupportedType: pydantic cannot turn something in it into JSON.
    """
    return _schema(_adapter(annotation), "serialization")


def _adapter(annotation: Any) -> pydantic.TypeAdapter[Any]:
    try:
        return pydantic.TypeAdapter(annotation)
    except Exception as error:
        # Of users' classes anything can come: a name that does not resolve, a class without a schema.
        raise UnsupportedType(f"pydantic refuses it; {_first_line(error)}") from None


def _schema(
    adapter: pydantic.TypeAdapter[Any], mode: Literal["validation", "serialization"]
) -> dict[str, Any]:
    try:
        return adapter.json_schema(mode=mode)
    except Exception as error:
        raise UnsupportedType(f"it has no JSON Schema; {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _faults(error: pydantic.ValidationError, value: object) -> list[Fault]:
    if error.error_count() > _MOST_FAULTS:
        return [Fault("", f"does not fit in {error.error_count()} places")]
    return [
        Fault(_path(detail["loc"], value, detail["type"]), _description(detail))
        for detail in error.errors(include_url=False, include_input=False)
    ]


def _path(location: tuple[int | str, ...], value: Any, kind: str) -> str:
    """Returns a location as a path through the value, without the names of alternatives that it also has."""
    path = ""
    for position, step in enumerate(location):
        if isinstance(value, dict) and isinstance(step, str) and step in value:
            path, value = f"{path}.{step}", value[step]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            path, value = f"{path}[{step}]", value[step]
        elif kind == "missing" and position == len(location) - 1:
            path = f"{path}.{step}"
    return path


def _description(detail: ErrorDetails) -> str:
    """Returns what pydantic said as the end of a sentence, without any value that it quoted."""
    kind, said = detail["type"], detail["msg"]
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return "is no field of the request"
    if kind == "union_tag_invalid":
        context = detail["ctx"]
        return f"must have {context['discriminator']} as one of {context['expected_tags']}"
    if kind not in _KNOWN or _QUOTING & detail.get("ctx", {}).keys():
        return f"is refused by the handler's type ({kind})"
    if said.startswith("Input should "):
        return "must " + said.removeprefix("Input should ")
    return f"does not fit: {said[:1].lower()}{said[1:]}"
