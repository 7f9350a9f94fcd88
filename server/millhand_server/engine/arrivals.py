"""Lets tasks that arrive one by one gather, so that a round of work is paid for once and not for each."""

from __future__ import annotations

import asyncio

from millhand_server.core.ports import Clock
from millhand_server.engine.clock import Wakeup

#: Arrivals have paused when the loop went round this often without one. Rounds of an idle loop cost a few
#: microseconds together; those of a busy one bring arrivals, or what has to be done before they come.
_QUIET_TURNS = 8

#: Nothing waits longer for others, however steadily they come.
_LONGEST_US = 5_000

#: Enough to share the price of a round among.
_ENOUGH = 64


class Arrivals:
    """Counts tasks that arrive, and waits until they pause. Belongs to the engine's loop.

    Alone, a task waits for eight turns of a loop that has nothing else to do. Only where the loop or the
    store is behind do many gather, and there it pays: rounds of one or two tasks would keep both behind.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bell = Wakeup(clock)
        self._count = 0
        self._expected = 0

    def expect(self) -> None:
        """Says that tasks are being stored. One call of `came` follows, whatever becomes of them."""
        self._expected += 1

    def came(self) -> None:
        """Says that what was expected is stored, and was added, or never will be."""
        self._expected -= 1
        self._bell.ring()

    def add(self, count: int) -> None:
        """Notes tasks that have arrived."""
        self._count += count

    async def until_pause(self) -> None:
        """Returns when arrivals pause or are enough, and forgets them; at once when there are none."""
        ends_us = self._clock.monotonic_us() + _LONGEST_US
        seen = quiet = 0
        while 0 < self._count < _ENOUGH and quiet < _QUIET_TURNS:
            if (left_us := ends_us - self._clock.monotonic_us()) <= 0:
                break
            quiet = quiet + 1 if self._count == seen else 0
            seen = self._count
            if self._expected:
                quiet = 0
                await self._bell.wait(left_us)
            else:
                await asyncio.sleep(0)
        self._count = 0
