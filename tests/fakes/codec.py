"""A payload codec without protobuf, for tests of the engine."""

from __future__ import annotations

import json

from millhand.kit import Blob
from millhand_server.core.errors import InvalidPayload, PayloadTooLarge

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
