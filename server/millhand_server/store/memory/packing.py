"""The compact form of rows that wait in a long queue: one string of bytes for all that a row has."""

from __future__ import annotations

from sys import intern
from typing import ClassVar

import msgspec
from msgspec.structs import force_setattr

from millhand_server.core.task import Task


class Packed(msgspec.Struct, frozen=True, gc=False):
    """A row as it was accepted; one that changes is unpacked for good."""

    #: Of every row that nothing has changed yet.
    revision: ClassVar[int] = 1

    sequence: int
    content: bytes


class Packer:
    """Packs rows. Belongs to one thread."""

    def __init__(self) -> None:
        self._encode_into = msgspec.msgpack.Encoder().encode_into
        self._buffer = bytearray()

    def pack(self, row: Task) -> Task | Packed:
        """Returns the compact form of a new row, or the row itself when it cannot be encoded.

        That is one whose texts are not Unicode, or whose numbers do not fit into 64 bits: programs that embed
        the manager can make such, and need not care.
        """
        try:
            # Not `encode`: what that returns keeps the memory of its larger buffer, a hundred bytes a row.
            self._encode_into(row, self._buffer)
        except (UnicodeEncodeError, OverflowError):
            return row
        return Packed(row.sequence, bytes(self._buffer))


def unpack(stored: Packed, task_id: str) -> Task:
    """Returns the row with this id. It equals the one that was packed, and is another object each time."""
    row = _decode(stored.content)
    # Nobody has seen the record yet. What is kept of it when it is final shares the texts that are there
    # already, the index's id and the names of the lane.
    force_setattr(row.spec, "id", task_id)
    force_setattr(row.spec, "handler", intern(row.spec.handler))
    force_setattr(row, "queue", intern(row.queue))
    return row


_decode = msgspec.msgpack.Decoder(Task).decode
