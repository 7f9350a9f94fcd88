"""Messages on a byte stream: each behind its length, four bytes, most significant first."""

from __future__ import annotations

from typing import IO, TypeVar

from google.protobuf.message import Message

M = TypeVar("M", bound=Message)

_LENGTH = 4


def write(stream: IO[bytes], message: Message) -> None:
    """Writes a message and flushes."""
    data = message.SerializeToString()
    stream.write(len(data).to_bytes(_LENGTH, "big") + data)
    stream.flush()


def read(stream: IO[bytes], kind: type[M]) -> M | None:
    """Reads a message; None at the end of the stream.

    Raises:
        EOFError: The stream ended inside a message.
    """
    head = stream.read(_LENGTH)
    if not head:
        return None
    length = int.from_bytes(head, "big")
    data = stream.read(length)
    if len(head) < _LENGTH or len(data) < length:
        raise EOFError("the stream ended inside a message")
    return kind.FromString(data)
