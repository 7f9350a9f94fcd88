"""How much goes into one message: everyone's receive limit must hold it.

What a task may carry is bounded so that one without payloads always fits. The full view, an answer about a
whole batch, and a row from times with other bounds may not: then parts of tasks are left out, rather than
that nobody can read them, or what comes after them in the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from google.protobuf.message import Message

from millhand.v1 import task_pb2
from millhand_server.core.task import Task

#: A page or a frame of results ends before it would pass this. A single larger item goes alone.
MAX_PAGE_BYTES = 3 * 1024 * 1024

#: What is left out of tasks, in this order, until their message fits.
_LEFT_OUT = ("last_heartbeat", "payload", "attempts", "retry_policy", "labels", "description", "error")

#: An ordinary task without payload and output.
_TASK_BYTES = 300

M = TypeVar("M", bound=Message)


def size_of(tasks: Iterable[Task], *, full: bool) -> int:
    """Returns about how many bytes tasks take in an answer."""
    size = 0
    for task in tasks:
        size += _TASK_BYTES + len(task.output)
        if full:
            size += len(task.spec.payload) + len(task.last_heartbeat)
    return size


def lighten(message: Message, tasks: Sequence[task_pb2.Task], limit: int) -> None:
    """Leaves parts of `tasks`, which are inside `message`, out of it until it has at most `limit` bytes.

    First out of those that are larger than that alone: the others need not suffer for them.
    """
    if len(tasks) > 1:
        for task in tasks:
            lighten(task, [task], limit)
    for part in _LEFT_OUT:
        if message.ByteSize() <= limit:
            return
        for task in tasks:
            task.ClearField(part)


def that_fit(messages: Iterable[M], limit: int = MAX_PAGE_BYTES) -> list[M]:
    """Returns the first messages that fit into a page together; at least one if there is any."""
    return next(in_frames(messages, limit), [])


def in_frames(messages: Iterable[M], limit: int) -> Iterator[list[M]]:
    """Yields the messages in groups that are at most `limit` bytes, or hold a single larger one."""
    group: list[M] = []
    size = 0
    for message in messages:
        # A little for the tag and the length that stand before each.
        size += message.ByteSize() + 8
        if group and size > limit:
            yield group
            group, size = [], message.ByteSize() + 8
        group.append(message)
    if group:
        yield group
