"""A clock that moves only when a test says so."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from millhand_server.core.task import SECOND_US

#: 2026-01-01T00:00:00Z
START_US = 1_767_225_600 * SECOND_US


class FakeClock:
    """Implements `core.ports.Clock`. Both of its times start apart and advance together.

    Belongs to one thread, but for reading the times, which any thread may.
    """

    def __init__(self, now_us: int = START_US) -> None:
        """Starts at this wall clock time, in microseconds since the Unix epoch."""
        self._now_us = now_us
        self._monotonic_us = 1_000 * SECOND_US
        self._calls: list[tuple[int, int, Callable[[], None]]] = []
        self._cancelled: set[int] = set()
        self._numbers = count()

    def now_us(self) -> int:
        return self._now_us

    def monotonic_us(self) -> int:
        return self._monotonic_us

    def call_later(self, delay_us: int, callback: Callable[[], None]) -> Callable[[], None]:
        number = next(self._numbers)
        heapq.heappush(self._calls, (self._monotonic_us + max(delay_us, 0), number, callback))
        return lambda: self._cancelled.add(number)

    def until_next_us(self) -> int | None:
        """Returns how long it is until something becomes due; None when nothing will."""
        while self._calls and self._calls[0][1] in self._cancelled:
            self._cancelled.discard(heapq.heappop(self._calls)[1])
        return max(self._calls[0][0] - self._monotonic_us, 0) if self._calls else None

    def advance(self, seconds: float) -> None:
        """Moves both times on, and runs what becomes due on the way, in order and each at its own time."""
        self.advance_us(round(seconds * SECOND_US))

    def advance_us(self, microseconds: int) -> None:
        """As `advance`, to the microsecond."""
        end_us = self._monotonic_us + microseconds
        while (wait_us := self.until_next_us()) is not None and self._monotonic_us + wait_us <= end_us:
            due_us, _, callback = heapq.heappop(self._calls)
            self._move_to(due_us)
            callback()
        self._move_to(end_us)

    def jump(self, seconds: float) -> None:
        """Sets the wall clock forward or back, as an operator would; nothing becomes due."""
        self._now_us += round(seconds * SECOND_US)

    def _move_to(self, monotonic_us: int) -> None:
        if monotonic_us > self._monotonic_us:
            self._now_us += monotonic_us - self._monotonic_us
            self._monotonic_us = monotonic_us
