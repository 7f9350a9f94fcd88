"""The engine's state in numbers, looked at when somebody asks: nothing is counted along the way."""

from __future__ import annotations

from dataclasses import dataclass, field

from millhand_server.core.errors import StoreUnavailable
from millhand_server.core.ports import Clock, TaskStore
from millhand_server.core.query import EVERYTHING, Order, Page, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.engine.cancelling import LIVING
from millhand_server.engine.dispatcher import Dispatcher
from millhand_server.engine.presenting import Presenting
from millhand_server.engine.settler import Settler
from millhand_server.engine.shared import Shared

#: What the store is asked again for after this many times the time that it took: at most a twentieth of the
#: loop's time goes into counting, however many tasks wait.
_REST = 20

_PAST_THE_END = 2**62

_DUE = TaskFilter(statuses=frozenset({TaskStatus.QUEUED, TaskStatus.RATE_LIMITED}))


@dataclass(frozen=True, slots=True)
class Stored:
    """What only the store knows: unfinished tasks by status, the oldest due one's time, results kept."""

    unfinished: dict[TaskStatus, int] = field(default_factory=dict)
    oldest_due_us: int | None = None
    results: int = 0


@dataclass(frozen=True, slots=True)
class Measures:
    """A moment of the engine.

    `running` counts attempts whose code runs, `stuck` those of them that should have ended, `held` also the
    ones that were claimed ahead. `oldest_due_us` is how long the task that is due longest has been waiting
    for a worker, 0 when none is. `stored` is None when the store cannot be read. `store_bytes` is what it
    takes, by what for.
    """

    workers: int
    max_tasks: int
    running: int
    held: int
    stuck: int
    store_is_available: bool
    oldest_due_us: int
    stored: Stored | None
    store_bytes: dict[str, int]


class Measuring:
    """Belongs to the engine's loop."""

    def __init__(
        self, shared: Shared, dispatcher: Dispatcher, settler: Settler, presenting: Presenting
    ) -> None:
        self._shared = shared
        self._dispatcher = dispatcher
        self._settler = settler
        self._stored = _StoredLook(shared.store, shared.clock, presenting)

    async def measure(self) -> Measures:
        """Measures now; what is asked of the store may be a little older when counting takes long."""
        stored = await self._stored.look()
        oldest_us = None if stored is None else stored.oldest_due_us
        return Measures(
            workers=self._dispatcher.workers,
            max_tasks=self._dispatcher.max_tasks,
            running=self._dispatcher.running,
            held=len(self._shared.live),
            stuck=self._shared.live.stuck(),
            store_is_available=self._dispatcher.store_is_available and self._settler.store_is_available,
            oldest_due_us=0 if oldest_us is None else max(0, self._shared.clock.now_us() - oldest_us),
            stored=stored,
            store_bytes=self._shared.store.figures(),
        )


class _StoredLook:
    """Asks the store, and keeps the answer for as long as asking again would be too dear."""

    def __init__(self, store: TaskStore, clock: Clock, presenting: Presenting) -> None:
        self._store = store
        self._clock = clock
        self._presenting = presenting
        self._last: Stored | None = None
        self._good_until_us = 0

    async def look(self) -> Stored | None:
        """Returns what the store holds; None when it cannot be read."""
        began_us = self._clock.monotonic_us()
        if self._last is None or began_us >= self._good_until_us:
            self._last = await self._ask()
            now_us = self._clock.monotonic_us()
            self._good_until_us = now_us + _REST * (now_us - began_us)
        return self._last

    async def _ask(self) -> Stored | None:
        try:
            seen = await self._presenting.seen()
            unfinished = await self._store.count(TaskFilter(statuses=LIVING), seen, limit=0)
            oldest = await self._store.find(_DUE, Page(limit=1, order=Order.DUE_TIME), seen)
            log = await self._store.read_log(_PAST_THE_END, EVERYTHING, limit=1, max_bytes=1)
        except StoreUnavailable:
            return None
        oldest_due_us = oldest.tasks[0].due_us if oldest.tasks else None
        return Stored(unfinished, oldest_due_us, log.last - log.first + 1)
