"""The message Payload taken apart: its bytes parsed, the message inside unpacked."""

from __future__ import annotations

from google.protobuf import any_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from millhand.v1 import payload_pb2
from millhand_server.core.errors import InvalidPayload


def parse(payload: bytes) -> payload_pb2.Payload:
    """Returns the message that encoded bytes hold.

    Raises:
        InvalidPayload: they hold none.
    """
    try:
        return payload_pb2.Payload.FromString(payload)
    except DecodeError:
        raise InvalidPayload("the payload's bytes do not parse as a Payload") from None


def type_name(packed: any_pb2.Any) -> str:
    """Returns the full name of the type of the message inside."""
    return packed.type_url.rpartition("/")[2]


def unpack(packed: any_pb2.Any) -> Message:
    """Returns the message inside, of whatever type this process knows.

    Raises:
        InvalidPayload: its type is not in the descriptor pool, or its bytes are not of that type.
    """
    name = type_name(packed)
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(name)
    except KeyError:
        raise InvalidPayload(
            f"the message type {name!r} is not known here; a handler's module must bring it"
        ) from None
    return unpack_as(message_factory.GetMessageClass(descriptor), packed)


def unpack_as(kind: type[Message], packed: any_pb2.Any) -> Message:
    """Returns the message inside, which must be of this type.

    Raises:
        InvalidPayload: its bytes are not of that type, or lack fields that it requires (in proto2).
    """
    name = kind.DESCRIPTOR.full_name
    try:
        message = kind.FromString(packed.value)
    except DecodeError:
        raise InvalidPayload(f"the message's bytes do not parse as {name}") from None
    if not message.IsInitialized():
        raise InvalidPayload(f"the message lacks fields that {name} requires")
    return message
