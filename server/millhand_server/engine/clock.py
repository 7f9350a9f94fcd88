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
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, delay_us: int | None = None) -> bool:
        """Returns True at the next ring, or False after `delay_us` (None: only at a ring)."""
        if delay_us is None or self._rung.is_set():
            await self._rung.wait()
            self._rung.clear()
            return True
        rung = True

        def time_is_over() -> None:
            nonlocal rung
            rung = False
            self._rung.set()

        cancel = self._clock.call_later(max(0, delay_us), time_is_over)
        try:
            await self._rung.wait()
        finally:
            cancel()
        self._rung.clear()
        return rung


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
