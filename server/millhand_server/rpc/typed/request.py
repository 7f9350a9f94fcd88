"""The type of a handler's request, over all kinds of payload that it may come as."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import Message

from millhand.kit import Blob
from millhand.v1 import payload_pb2
from millhand_server.core.errors import InvalidPayload, Violation
from millhand_server.core.ports import Shape
from millhand_server.rpc import json_value
from millhand_server.rpc.payload import parse, type_name, unpack_as
from millhand_server.rpc.typed import messages
from millhand_server.rpc.typed.annotation import Arms, arms_of
from millhand_server.rpc.typed.example import example_of, settled
from millhand_server.rpc.typed.json_type import json_type, published
from millhand_server.rpc.typed.mismatch import Fault, Mismatch

#: Deeper than any payload may be: an example is checked for that elsewhere.
_MAX_DEPTH = 100


def request_type(annotation: object) -> TypedRequest | None:
    """Returns the type that an annotation declares; None if it leaves open what arrives.

    Raises:
        UnsupportedType: payloads cannot be checked against it.
    """
    arms = arms_of(annotation)
    return None if arms.anything else TypedRequest(arms)


class TypedRequest:
    """Implements `RequestType`."""

    def __init__(self, arms: Arms) -> None:
        self._arms = arms
        self._messages = {kind.DESCRIPTOR.full_name: kind for kind in arms.messages}
        self._json = None if arms.json is None else json_type(arms.json)
        #: The message type that JSON stands for, where it stands for one.
        self._mapped = arms.messages[0] if len(arms.messages) == 1 and self._json is None else None
        self._takes = _listed(arms, self._messages)
        self.shape = Shape(
            message_type=next(iter(self._messages)) if len(self._messages) == 1 else "", schema=self._schema()
        )

    def decode(self, payload: bytes) -> object:
        """Returns the request that the handler is called with.

        Raises:
            InvalidPayload: the payload is not of this type.
        """
        if not payload:
            self._check_null("", "is missing")
            return None
        message = parse(payload)
        match message.WhichOneof("kind"):
            case "json":
                return self._from_json(json_value.to_python(message.json))
            case "blob":
                return self._from_blob(message.blob)
            case "message":
                return self._from_message(message.message)
            case _:
                raise self._refusal("", "has no kind set")

    def example(self) -> bytes:
        """Returns an encoded payload of this type; empty if none can be made up."""
        if self.shape.schema is None:
            blob = payload_pb2.Blob(data=b"hello")
            return _encoded(payload_pb2.Payload(blob=blob)) if self._arms.blob is not None else b""
        for sparse in (False, True):
            example = settled(example_of(self.shape.schema, sparse=sparse), self._faults)
            # Some rules no schema tells, such as those of a validator.
            if not self._faults(example):
                return _encoded(_json_payload(example))
        return b""

    def _faults(self, value: object) -> list[str]:
        try:
            self.decode(_encoded(_json_payload(value)))
        except InvalidPayload as error:
            return [violation.field.removeprefix("json") for violation in error.violations]
        except json_value.Fault as fault:
            return [fault.path]
        return []

    def _from_json(self, value: object) -> object:
        if value is None and (self._arms.null or self._json is None):
            self._check_null("json", "is null")
            return None
        try:
            if self._json is not None:
                return self._json.read(value)
            if self._mapped is not None:
                return messages.from_json(self._mapped, value)
        except Mismatch as mismatch:
            raise _unfit(mismatch.faults) from None
        raise self._refusal("json", "is not taken")

    def _from_blob(self, blob: payload_pb2.Blob) -> object:
        if self._arms.blob is None:
            raise self._refusal("blob", "is not taken")
        if self._arms.blob is Blob:
            return Blob(data=blob.data, content_type=blob.content_type)
        return self._arms.blob(blob.data)

    def _from_message(self, packed: Packed) -> Message:
        name = type_name(packed)
        kind = self._messages.get(name)
        if kind is None:
            raise self._refusal("message", "is not taken" if not self._messages else "is of another type")
        try:
            return unpack_as(kind, packed)
        except InvalidPayload:
            raise self._refusal("message", f"does not parse as {name}") from None

    def _check_null(self, field: str, description: str) -> None:
        if not self._arms.null:
            raise self._refusal(field, description)

    def _refusal(self, field: str, description: str) -> InvalidPayload:
        description = f"{description}; the handler takes {self._takes}"
        return InvalidPayload(f"{field or 'it'} {description}", violations=(Violation(field, description),))

    def _schema(self) -> dict[str, object] | None:
        if self._json is not None:
            return published(self._json.schema)
        return None if self._mapped is None else published(messages.schema_of(self._mapped))


def _json_payload(value: object) -> payload_pb2.Payload:
    payload = payload_pb2.Payload()
    json_value.fill(payload.json, value, _MAX_DEPTH)
    return payload


def _encoded(payload: payload_pb2.Payload) -> bytes:
    return payload.SerializeToString(deterministic=True)


def _listed(arms: Arms, message_names: dict[str, type[Message]]) -> str:
    taken = ["JSON"] if arms.json is not None else []
    taken += ["a blob"] if arms.blob is not None else []
    mapped = ", or its JSON" if len(message_names) == 1 and arms.json is None else ""
    taken += [f"a message {name}{mapped}" for name in message_names]
    if arms.null:
        taken.append("nothing")
    return " or ".join(taken)


def _unfit(faults: Sequence[Fault]) -> InvalidPayload:
    violations = tuple(Violation(f"json{fault.path}", fault.description) for fault in faults)
    message = f"{violations[0].field} {violations[0].description}"
    if len(violations) > 1:
        message = f"{message} (and {len(violations) - 1} more)"
    return InvalidPayload(message, violations=violations)
