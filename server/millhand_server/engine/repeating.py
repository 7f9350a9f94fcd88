"""Settles unknown outcomes of the store by doing the same again, for what may safely be done twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from millhand_server.core.errors import StoreOutcomeUnknown
from millhand_server.core.ports import Clock
from millhand_server.engine.clock import Wakeup

T = TypeVar("T")

_TIMES = 5
_RETRY_US = 100_000


async def until_known(clock: Clock, call: Callable[[], Awaitable[T]]) -> T:
    """Returns the answer of the first call whose outcome is known; gives up after half a second.

    Raises:
        StoreOutcomeUnknown: it is still unknown.
        StoreUnavailable: a call failed; whether an earlier one was done is not known.
    """
    for _ in range(_TIMES):
        try:
            return await call()
        except StoreOutcomeUnknown:
            await Wakeup(clock).wait(_RETRY_US)
    return await call()
