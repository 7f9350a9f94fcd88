"""Looks through large messages beside the loop, which serves everybody else meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

#: From this size on a look may take so long that others would notice. Below it the way to a thread and back
#: costs more than it saves.
LARGE_BYTES = 64 * 1024

T = TypeVar("T")


async def aside(size: int, look: Callable[[], T]) -> T:
    """Returns what `look` does, from a thread if about `size` bytes are much.

    It must not touch what others change. Threads take turns every half millisecond, so the loop goes on.
    """
    return look() if size < LARGE_BYTES else await asyncio.to_thread(look)
