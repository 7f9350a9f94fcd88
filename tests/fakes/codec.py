"""A payload codec without protobuf, for tests of the engine."""

from __future__ import annotations

import json

from millhand.kit import Blob
from millhand_server.core.errors import InvalidPayload, PayloadTooLarge, Violation
from millhand_server.core.ports import RequestType, Shape, UnsupportedType

_BLOB = b"\x00"
_MOST_EXACT = 2**53


class JsonCodec:
    """Implements `PayloadCodec`: JSON values as JSON text, bytes as a `Blob`. It has no state."""

    def __init__(self, *, max_bytes: int = 1024 * 1024) -> None:
        self._max_bytes = max_bytes

    def decode(self, payload: bytes) -> object:
        if not payload:
            return None
        if payload.startswith(_BLOB):
            content_type, _, data = payload[1:].partition(_BLOB)
            return Blob(data, content_type.decode())
        try:
            return json.loads(payload)
        except ValueError:
            raise InvalidPayload("the bytes are no JSON") from None

    def encode(self, value: object) -> bytes:
        if value is None:
            return b""
        if isinstance(value, bytes | bytearray | memoryview):
            value = Blob(bytes(value))
        encoded = _encode_blob(value) if isinstance(value, Blob) else _encode_json(value)
        if len(encoded) > self._max_bytes:
            raise PayloadTooLarge(f"is {len(encoded)} bytes; a payload has at most {self._max_bytes}")
        return encoded

    def request_type(self, annotation: object) -> RequestType | None:
        """Knows `int`, which it checks; `complex`, which it refuses; and nothing of all others."""
        if annotation is complex:
            raise UnsupportedType("JSON has no complex numbers")
        return IntegerRequest(self) if annotation is int else None

    def result_shape(self, annotation: object) -> Shape:
        if annotation is complex:
            raise UnsupportedType("JSON has no complex numbers")
        return Shape(schema={"type": "integer"}) if annotation is int else Shape()


class IntegerRequest:
    """Implements `RequestType`: an integer, which arrives doubled, so that a test sees who decoded it."""

    shape = Shape(schema={"type": "integer"})

    def __init__(self, codec: JsonCodec) -> None:
        self._codec = codec

    def decode(self, payload: bytes) -> object:
        value = self._codec.decode(payload)
        if not isinstance(value, int):
            raise InvalidPayload(
                "json must be an integer", violations=(Violation("json", "must be an integer"),)
            )
        return 2 * value

    def example(self) -> bytes:
        return b"1"


def _encode_blob(blob: Blob) -> bytes:
    return _BLOB + blob.content_type.encode() + _BLOB + blob.data


def _encode_json(value: object) -> bytes:
    try:
        _check_integers(value)
        return json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidPayload(f"json {type(error).__name__}") from None


def _check_integers(value: object) -> None:
    if isinstance(value, int) and abs(value) > _MOST_EXACT:
        raise InvalidPayload("an integer past 2^53; send it as a string")
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _check_integers(item)
