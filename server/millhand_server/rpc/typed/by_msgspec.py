"""JSON as dataclasses, TypedDicts, Structs, enums, dates and what can be built of them, through msgspec."""

from __future__ import annotations

import logging
import re
from typing import Any

import msgspec
from google.protobuf.message import Message

from millhand_server.core.ports import UnsupportedType
from millhand_server.rpc.typed import allowed, culprit, messages
from millhand_server.rpc.typed.mismatch import Fault, Mismatch, refused_by

_PLACE = re.compile(r" - at `(?:(?P<key>key) in `)?\$(?P<path>.*)`$", re.DOTALL)
_NOT_LISTED = ("Invalid enum value", "Invalid value")
_FIELD = re.compile(r"Object (?P<what>missing required|contains unknown) field `(?P<name>.*)`$", re.DOTALL)

logger = logging.getLogger(__name__)


class Indistinct(UnsupportedType):
    """Alternatives that a reader cannot tell apart; a writer need not."""


class MsgspecType:
    """A type that msgspec knows. Safe from any thread."""

    def __init__(self, annotation: object) -> None:
        """Takes the annotation, and looks at all that it is made of.

        Raises:
            UnsupportedType: something in it is no JSON, or alternatives in it cannot be told apart.
        """
        self.annotation: Any = annotation
        self.schema = schema_of(annotation)

    def read(self, value: object) -> object:
        """Returns JSON values as the type has them. Strict: a number in a string is no number.

        Raises:
            Mismatch: they do not fit. msgspec stops at the first fault, so that it names one.
        """
        try:
            return self._convert(value)
        except msgspec.ValidationError as error:
            raise self._mismatch(error, value) from None
        except Exception as error:
            # The type's own code ran (__post_init__) and broke; its text may quote the value.
            logger.warning("the type %r raised %s for a payload", self.annotation, type(error).__name__)
            raise Mismatch([Fault("", refused_by(error))]) from None

    def _convert(self, value: object) -> object:
        # Strings become dates, UUIDs, Decimals and bytes; keys, which JSON has as strings, numbers.
        return msgspec.convert(value, self.annotation, str_keys=True, dec_hook=_convert_foreign)

    def _mismatch(self, error: msgspec.ValidationError, value: object) -> Mismatch:
        text = str(error)
        place = _PLACE.search(text)
        path = self._locate(value, text, place["path"]) if place else ""
        said = text[: place.start()] if place else text
        cause = error.__cause__
        if isinstance(cause, Mismatch):
            return Mismatch([Fault(path + fault.path, fault.description) for fault in cause.faults])
        if cause is not None:
            return Mismatch([Fault(path, refused_by(cause if isinstance(cause, Exception) else error))])
        if place and place["key"]:
            return Mismatch([Fault(path, f"has a key that {_description(said)}")])
        if field := _FIELD.match(said):
            missing = field["what"].startswith("missing")
            return Mismatch(
                [Fault(f"{path}.{field['name']}", "is missing" if missing else "is no field of the request")]
            )
        if said.startswith(_NOT_LISTED):
            return Mismatch([Fault(path, allowed.sentence(self.schema, path))])
        return Mismatch([Fault(path, _description(said))])

    def _locate(self, value: object, text: str, path: str) -> str:
        """Returns a path of msgspec's with the keys of objects, which it leaves out, found by trying."""

        def fails_alike(changed: object) -> bool:
            try:
                self._convert(changed)
            except msgspec.ValidationError as error:
                return str(error) == text
            except Exception:
                return False
            return False

        return culprit.locate(value, path, fails_alike)


def schema_of(annotation: object) -> dict[str, Any]:
    """Returns the JSON Schema of an annotation.

    Raises:
        UnsupportedType: something in it is no JSON.
        Indistinct: alternatives in it cannot be told apart.
    """
    try:
        return msgspec.json.schema(annotation, schema_hook=_schema_of_foreign)
    except UnsupportedType:
        raise
    except Exception as error:
        # Of users' classes anything can come, such as a name that does not resolve.
        said = str(error).partition("\n")[0]
        if said.startswith("Type unions "):
            raise Indistinct(
                f"{said[:1].lower()}{said[1:]}; tagged msgspec Structs can be told apart"
            ) from None
        raise UnsupportedType(f"msgspec refuses it; {said}") from None


def _schema_of_foreign(kind: type) -> dict[str, Any]:
    if kind is object:
        # An empty schema, which says the same, is taken for a hook that knows nothing.
        return {"title": "anything"}
    if isinstance(kind, type) and issubclass(kind, Message):
        return messages.brief_schema(kind)
    raise UnsupportedType(
        f"{getattr(kind, '__qualname__', kind)} has no form in JSON; use a dataclass, a TypedDict, a msgspec "
        "Struct, a pydantic model or a protobuf message"
    )


def _convert_foreign(kind: type, value: Any) -> object:
    return value if kind is object else messages.from_json(kind, value)


def _description(said: str) -> str:
    """Returns what msgspec said as the end of a sentence, without any value that it quoted."""
    if said.startswith("Expected "):
        return "must be " + said.removeprefix("Expected ").replace(", got ", ", not ")
    if said.startswith(_NOT_LISTED):
        return "is none of the values that are allowed"
    if said.startswith("Invalid "):
        return "is no valid " + said.removeprefix("Invalid ")
    return "does not fit the handler's type"
