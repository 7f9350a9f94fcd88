"""The payload codec: an encoded payload is a millhand.v1.Payload, serialised deterministically."""

from __future__ import annotations

from google.protobuf import any_pb2
from google.protobuf.message import Message

from millhand.kit import Blob
from millhand.v1 import payload_pb2
from millhand_server.core.errors import InvalidPayload, PayloadTooLarge
from millhand_server.core.ports import RequestType, Shape
from millhand_server.rpc import json_value
from millhand_server.rpc.payload import parse, unpack
from millhand_server.rpc.typed.request import request_type
from millhand_server.rpc.typed.result import result_shape

DEFAULT_MAX_BYTES = 3 * 1024 * 1024
DEFAULT_MAX_DEPTH = 24


class ProtoCodec:
    """Turns encoded payloads into what handlers take, and back. It has no state: any thread may call it.

    JSON becomes dict, list, str, int, float, bool or None; bytes a `Blob`; a packed message the message.
    """

    def __init__(self, *, max_bytes: int = DEFAULT_MAX_BYTES, max_depth: int = DEFAULT_MAX_DEPTH) -> None:
        self._max_bytes = max_bytes
        self._max_depth = max_depth

    def decode(self, payload: bytes) -> object:
        """Returns what the payload holds; None for empty bytes and for JSON null.

        Raises:
            InvalidPayload: the bytes are no payload, or its message's type is not known here.
        """
        if not payload:
            return None
        message = parse(payload)
        match message.WhichOneof("kind"):
            case "json":
                return json_value.to_python(message.json)
            case "blob":
                return Blob(data=message.blob.data, content_type=message.blob.content_type)
            case "message":
                return unpack(message.message)
            case _:
                raise InvalidPayload("the payload has no kind set")

    def encode(self, value: object) -> bytes:
        """Returns the encoded payload; empty bytes for None.

        Raises:
            InvalidPayload: no kind of payload can hold it; the message has the path to the fault.
            PayloadTooLarge: it would be larger than the limit.
        """
        if value is None:
            return b""
        payload = payload_pb2.Payload()
        try:
            self._fill(payload, value)
        except json_value.TooLarge:
            limit = self._max_bytes
            raise PayloadTooLarge(
                f"is too large; a payload has at most {limit} bytes (max_payload_bytes)",
                metadata={"limit": str(limit)},
            ) from None
        except json_value.Fault as fault:
            raise InvalidPayload(f"json{fault.path} {fault.description}") from None
        encoded = payload.SerializeToString(deterministic=True)
        self._check_size(len(encoded))
        return encoded

    def request_type(self, annotation: object) -> RequestType | None:
        """Returns the type that an annotation declares; None for Any and plain dicts, which declare nothing.

        Raises:
            UnsupportedType: payloads cannot be checked against it.
        """
        return request_type(annotation)

    def result_shape(self, annotation: object) -> Shape:
        """Returns what is told of a handler with this return annotation.

        Raises:
            UnsupportedType: a value of this type cannot be encoded.
        """
        return result_shape(annotation)

    def _fill(self, payload: payload_pb2.Payload, value: object) -> None:
        match value:
            case str() | dict():
                # As below, without looking for what is rarer first.
                json_value.fill(payload.json, value, self._max_depth, self._max_bytes)
            case Blob():
                self._check_size(len(value.data))
                payload.blob.data = value.data
                payload.blob.content_type = value.content_type
            case bytes() | bytearray() | memoryview():
                # Measured before it is copied: what is far too large must not take memory a second time.
                self._check_size(len(value))
                payload.blob.data = bytes(value)
            case any_pb2.Any():
                payload.message.CopyFrom(value)
            case Message():
                _pack(payload, value)
            case _:
                json_value.fill(payload.json, value, self._max_depth, self._max_bytes)

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise too_large(size, self._max_bytes)


def _pack(payload: payload_pb2.Payload, message: Message) -> None:
    if not message.IsInitialized():
        raise InvalidPayload(f"the message lacks fields that {message.DESCRIPTOR.full_name} requires")
    payload.message.Pack(message, deterministic=True)


def too_large(size: int, limit: int) -> PayloadTooLarge:
    """Returns the error to raise about a payload of `size` bytes, which is over the limit."""
    return PayloadTooLarge(
        f"is {size} bytes; a payload has at most {limit} (max_payload_bytes)",
        metadata={"limit": str(limit)},
    )
