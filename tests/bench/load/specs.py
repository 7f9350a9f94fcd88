"""Serialised tasks of one size that differ in their ids only, made by splicing bytes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import count

from millhand.v1 import task_pb2

#: The size of a TaskSpec on the wire.
SPEC_BYTES = 176

_ID_BYTES = 36


class Specs:
    """Tasks for `echo`, each of SPEC_BYTES bytes: an id as long as a UUID, and what makes a task findable.

    With `argument_bytes` it is the argument that has a size.
    """

    def __init__(self, *, priority: int = 0, argument_bytes: int | None = None) -> None:
        #: What the ids of these begin with, and the correlation id of all of them.
        self.run = secrets.token_hex(4)
        self._numbers = count()
        self._digits = _ID_BYTES - len(self.run) - 1
        whole = self._message(priority, argument_bytes)
        self.payload = whole.payload
        self._before, _, self._after = whole.SerializeToString().partition(whole.id.encode())

    def take(self, number: int) -> tuple[list[str], list[bytes]]:
        """Returns the ids of the next tasks, and the tasks."""
        ids = [f"{self.run}-{next(self._numbers):0{self._digits}}" for _ in range(number)]
        return ids, [b"%b%b%b" % (self._before, task_id.encode(), self._after) for task_id in ids]

    def number(self, task_id: str) -> int:
        """Returns which one an id was, from 0."""
        return int(task_id.rpartition("-")[2])

    def batches(self, size: int) -> Iterator[tuple[list[str], bytes]]:
        """Yields ids, and tasks as the field 1 of a message, for ever."""
        head = field(1, b" " * SPEC_BYTES).rstrip(b" ")
        while True:
            ids, specs = self.take(size)
            yield ids, b"".join([head + spec for spec in specs])

    def _message(self, priority: int, argument_bytes: int | None) -> task_pb2.TaskSpec:
        spec = task_pb2.TaskSpec(
            id="#" * _ID_BYTES,
            name="bench",
            handler="echo",
            priority=priority,
            queue="default",
            correlation_id=self.run,
        )
        spec.payload.json.string_value = ""
        if argument_bytes is None:
            argument_bytes = SPEC_BYTES - spec.ByteSize()
        spec.payload.json.string_value = "x" * argument_bytes
        return spec


def field(number: int, value: bytes) -> bytes:
    """Returns a length-delimited field of a protobuf message."""
    return bytes([number << 3 | 2]) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
