"""The system's clock, and an event that is awaited with an end in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from millhand_server.core.ports import Clock

T = TypeVar("T")


class SystemClock:
    """The machine's clocks and the running event loop's timers."""

    def now_us(self) -> int:
        return time.time_ns() // 1_000

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 1_000

    def call_later(self, delay_us: int, callback: Callable[[], None]) -> Callable[[], None]:
        return asyncio.get_running_loop().call_later(max(0, delay_us) / 1_000_000, callback).cancel


class Wakeup:
    """A bell for one sleeper: rings while nobody sleeps are kept, and many count as one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = False
        self._sleeper: asyncio.Future[None] | None = None

    def ring(self) -> None:
        self._rung = True
        self._wake()

    async def wait(self, delay_us: int | None = None) -> bool:
        """Returns True at the next ring, or False after `delay_us` (None: only at a ring)."""
        if not self._rung:
            self._sleeper = asyncio.get_running_loop().create_future()
            cancel = None if delay_us is None else self._clock.call_later(max(0, delay_us), self._wake)
            try:
                await self._sleeper
            finally:
                self._sleeper = None
                if cancel is not None:
                    cancel()
        rung, self._rung = self._rung, False
        return rung

    def _wake(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)


class TimedOut(Exception):
    """The time to wait was over first."""


async def within(clock: Clock, delay_us: int | None, waited: asyncio.Future[T]) -> T:
    """Waits for a future, at most `delay_us` (None: without end). The future itself is left as it is.

    Raises:
        TimedOut: the time was over first.
    """
    if delay_us is None or waited.done():
        return await asyncio.shield(waited)
    first = asyncio.get_running_loop().create_future()
    cancel = clock.call_later(delay_us, lambda: _settle(first, False))
    waited.add_done_callback(done := lambda _: _settle(first, True))
    try:
        if await first:
            return waited.result()
        raise TimedOut
    finally:
        cancel()
        waited.remove_done_callback(done)


def _settle(first: asyncio.Future[bool], value: bool) -> None:
    if not first.done():
        first.set_result(value)
