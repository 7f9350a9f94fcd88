"""What a manager does by the clock: ends tasks that waited too long, and lets old results go."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from millhand_server.core import transition
from millhand_server.core.errors import StoreUnavailable
from millhand_server.core.ports import Applied, Retention
from millhand_server.core.task import Task
from millhand_server.core.transition import Transition
from millhand_server.engine.clock import Wakeup
from millhand_server.engine.settler import overdue_error
from millhand_server.engine.shared import Shared
from millhand_server.engine.trouble import Trouble

logger = logging.getLogger(__name__)

_RETRY_US = 200_000

#: Who waits for a time of day looks at the clock again this often.
_LONGEST_WAIT_US = 1_000_000
_BATCH = 500
_PRUNE_INTERVAL_US = 5_000_000


class Expiry:
    """Ends tasks whose deadline or start timeout passes while they wait unclaimed."""

    def __init__(self, shared: Shared) -> None:
        self._store = shared.store
        self._tail = shared.tail
        self._observing = shared.observing
        self._clock = shared.clock
        self._wakeup = Wakeup(shared.clock)
        self._trouble = Trouble(logger, shared.clock, "ending overdue tasks")
        self._next_us: int | None = None

    def offer(self, tasks: Sequence[Task]) -> None:
        """Says that these tasks wait, unclaimed."""
        for task in tasks:
            start_by_us = task.start_by_us
            if start_by_us is not None and (self._next_us is None or start_by_us < self._next_us):
                self._wakeup.ring()

    def look_again(self) -> None:
        """Says that there may be tasks that were never offered."""
        self._wakeup.ring()

    async def run(self) -> None:
        """Expires, for ever."""
        while True:
            # Unknown until the store has answered: an offer that comes meanwhile rings.
            self._next_us = None
            try:
                self._next_us = await self._expire()
                self._trouble.is_over()
            except StoreUnavailable as error:
                self._trouble.goes_on(error)
                self._next_us = self._clock.now_us() + _RETRY_US
            await self._wakeup.wait(self._delay_us())

    def _delay_us(self) -> int | None:
        if self._next_us is None:
            return None
        # Looked at again soon, however long it is: the clock may be set meanwhile.
        return min(self._next_us - self._clock.now_us(), _LONGEST_WAIT_US)

    async def _expire(self) -> int | None:
        while True:
            overdue = await self._store.overdue(_BATCH)
            if not overdue.tasks:
                return overdue.next_us
            now_us = self._clock.now_us()
            ends = [transition.overdue(task.id, overdue_error(task, now_us)) for task in overdue.tasks]
            self._observing.expired(ends, await self._end(ends), overdue.tasks)

    async def _end(self, transitions: Sequence[Transition]) -> Sequence[Applied]:
        """Applies them, again and again if need be: what became final must be told, also after a fault."""
        while True:
            try:
                applied = await self._store.apply(transitions)
            except StoreUnavailable as error:
                self._trouble.goes_on(error)
                await Wakeup(self._clock).wait(_RETRY_US)
            else:
                self._tail.advance(result.task for result in applied if result.task is not None)
                return applied


class Pruning:
    """Removes what is past its retention, a small step at a time."""

    def __init__(self, shared: Shared, retention: Retention) -> None:
        self._store = shared.store
        self._retention = retention
        self._clock = shared.clock
        self._trouble = Trouble(logger, shared.clock, "removing old results")

    async def run(self) -> None:
        """Prunes, for ever."""
        wakeup = Wakeup(self._clock)
        delay_us = _PRUNE_INTERVAL_US
        while True:
            await wakeup.wait(delay_us)
            delay_us = _PRUNE_INTERVAL_US
            try:
                if (await self._store.prune(self._retention)).more:
                    # The next step follows when others have had a turn.
                    delay_us = 0
                self._trouble.is_over()
            except StoreUnavailable as error:
                self._trouble.goes_on(error)
