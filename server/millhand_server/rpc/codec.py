"""The payload codec: an encoded payload is a millhand.v1.Payload, serialised deterministically."""

from __future__ import annotations

from google.protobuf import any_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from millhand.kit import Blob
from millhand.v1 import payload_pb2
from millhand_server.core.errors import InvalidPayload, PayloadTooLarge
from millhand_server.rpc import json_value

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
        try:
            message = payload_pb2.Payload.FromString(payload)
        except DecodeError:
            raise InvalidPayload("the payload's bytes do not parse as a Payload") from None
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
        # Measured before it is copied: what is far too large must not take memory a second time.
        if isinstance(value, bytes | bytearray | memoryview):
            check_size(len(value), self._max_bytes)
        elif isinstance(value, Blob):
            check_size(len(value.data), self._max_bytes)
        payload = payload_pb2.Payload()
        self._fill(payload, value)
        check_size(payload.ByteSize(), self._max_bytes)
        return payload.SerializeToString(deterministic=True)

    def _fill(self, payload: payload_pb2.Payload, value: object) -> None:
        match value:
            case Blob():
                payload.blob.data = value.data
                payload.blob.content_type = value.content_type
            case bytes() | bytearray() | memoryview():
                payload.blob.data = bytes(value)
            case any_pb2.Any():
                payload.message.CopyFrom(value)
            case Message():
                payload.message.Pack(value, deterministic=True)
            case _:
                self._fill_json(payload, value)

    def _fill_json(self, payload: payload_pb2.Payload, value: object) -> None:
        try:
            json_value.fill(payload.json, value, self._max_depth)
        except json_value.Fault as fault:
            raise InvalidPayload(f"json{fault.path} {fault.description}") from None


def unpack(packed: any_pb2.Any) -> Message:
    """Returns the message inside, of whatever type this process knows.

    Raises:
        InvalidPayload: its type is not in the descriptor pool, or its bytes are not of that type.
    """
    name = packed.type_url.rpartition("/")[2]
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(name)
    except KeyError:
        raise InvalidPayload(
            f"the message type {name!r} is not known here; a handler's module must bring it"
        ) from None
    try:
        return message_factory.GetMessageClass(descriptor).FromString(packed.value)
    except DecodeError:
        raise InvalidPayload(f"the message's bytes do not parse as {name}") from None


def check_size(size: int, limit: int) -> None:
    """Raises:
    PayloadTooLarge: `size` is over the limit.
    """
    if size > limit:
        raise PayloadTooLarge(
            f"is {size} bytes; a payload has at most {limit} (max_payload_bytes)",
            metadata={"limit": str(limit)},
        )
