"""How much goes into one message: everyone's receive limit must hold it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from google.protobuf.message import Message

#: A page or a frame of results ends before it would pass this. A single larger item goes alone.
MAX_PAGE_BYTES = 3 * 1024 * 1024

M = TypeVar("M", bound=Message)


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
