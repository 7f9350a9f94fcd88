"""Claims due tasks for free workers and grants them to executors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from millhand_server.core.errors import StoreOutcomeUnknown, StoreUnavailable
from millhand_server.core.execution import Frame, Grant, Isolation, Returned, StopCause
from millhand_server.core.ports import Claimed, LaneHead, Want
from millhand_server.core.query import Page, Seen, TaskFilter
from millhand_server.core.task import Lane, Owner, Task
from millhand_server.core.transition import started
from millhand_server.engine.attempts import LiveAttempt
from millhand_server.engine.clock import Wakeup
from millhand_server.engine.lanebook import LaneBook
from millhand_server.engine.pool import Pool
from millhand_server.engine.quarantine import Quarantine, is_suspect
from millhand_server.engine.shared import Shared
from millhand_server.engine.trouble import Trouble

logger = logging.getLogger(__name__)

_RETRY_US = 100_000

#: Who waits for a time of day looks at the clock again this often.
_LONGEST_WAIT_US = 1_000_000

#: A pool, and the lanes of it that have something due.
_Due = tuple[Pool, tuple[Lane, ...]]


class Dispatcher:
    """Decides what starts next on this node. Belongs to the engine's loop; there are no locks.

    It knows of each lane only whether something is due, and else when something will be; order within a
    queue is the store's business. `max_tasks` bounds the attempts that run at once, over all executors.
    """

    def __init__(self, shared: Shared, pools: Sequence[Pool], owner: Owner) -> None:
        self._store = shared.store
        self._pools = {pool.executor.isolation: pool for pool in pools}
        self._live = shared.live
        self._limiter = shared.limiter
        self._catalogue = shared.catalogue
        self._clock = shared.clock
        self._arrivals = shared.arrivals
        self._owner = owner
        self._max_tasks = shared.options.max_tasks
        #: Suspects that were claimed and wait for their turn.
        self.quarantine = Quarantine()
        self._wakeup = Wakeup(shared.clock)
        #: Called for each attempt that was granted, and with the frames of those that were not.
        self.on_granted: Callable[[Sequence[LiveAttempt]], None] = lambda _: None
        self.on_refused: Callable[[Sequence[Frame]], None] = lambda _: None
        self.claims = True
        self.store_is_available = True
        self._trouble = Trouble(logger, shared.clock, "claiming tasks")
        #: Whether the store may hold tasks or claims of this node that it does not know of.
        self._is_unsure = False

    @property
    def workers(self) -> int:
        """The number of threads that run plain handlers."""
        return self._pools[Isolation.THREAD].workers

    @property
    def max_tasks(self) -> int:
        """How many attempts may run at once; follows the number of workers unless it was set."""
        return self.workers if self._max_tasks is None else self._max_tasks

    @property
    def running(self) -> int:
        """How many attempts run now, code that should have ended included."""
        return sum([pool.running for pool in self._pools.values()])

    async def start(self) -> None:
        """Learns of what waits in the store already."""
        self._note(await self._store.lanes())

    def offer(self, tasks: Sequence[Task]) -> None:
        """Says that these tasks wait, unclaimed."""
        if not tasks:
            return
        now_us = self._clock.now_us()
        # The earliest of each lane is enough; most batches are of one lane.
        earliest: dict[Lane, int] = {}
        for task in tasks:
            lane, due_us = task.lane, task.due_us
            if due_us < earliest.get(lane, due_us + 1):
                earliest[lane] = due_us
        for lane, due_us in earliest.items():
            if self._catalogue.get(lane.handler) is not None:
                self._book_of(lane).offer(lane, due_us, now_us)
        self._arrivals.add(len(tasks))
        self._wakeup.ring()

    def look_again(self) -> None:
        """Says that the store may hold tasks that were never offered: an insert's outcome is unknown."""
        self._is_unsure = True
        self._wakeup.ring()

    def freed(self, attempts: Sequence[LiveAttempt]) -> None:
        """Says of attempts that their code has ended, or never began."""
        now_mono_us = self._clock.monotonic_us()
        for live in attempts:
            self._pools[live.isolation].give_back(live, now_mono_us)
            self.quarantine.ended(live)
            if live.start_us is None:
                self._limiter.refund(1)
        if self.quarantine.next() is not None:
            self._wakeup.ring()
        for pool in self._pools.values():
            if pool.lanes.has_due:
                self._wakeup.ring()
                return

    def resize(self, workers: int) -> None:
        """Changes the number of workers; 0 lets nothing more begin."""
        self._pools[Isolation.THREAD].resize(workers)
        for isolation, pool in self._pools.items():
            if isolation is not Isolation.THREAD:
                pool.resize(min(workers, 1) * self.max_tasks)
        self._wakeup.ring()

    def signal(self, live: LiveAttempt, cause: StopCause) -> None:
        """Tells an attempt to stop; one that has not begun is given back."""
        if live in self.quarantine:
            self._give_back_suspect(live)
        else:
            self._pools[live.isolation].executor.signal([live.key], cause)

    def recall(self, live: LiveAttempt) -> None:
        """Asks for an attempt back that waits for its worker; a suspect keeps its place in quarantine."""
        self._pools[live.isolation].executor.recall([live.key])

    def drain(self) -> None:
        """Stops claiming, and asks for everything back that has not begun."""
        self.claims = False
        for live in self.quarantine.waiting():
            self._give_back_suspect(live)
        for pool in self._pools.values():
            pool.executor.recall([live.key for live in self._live if not live.started])

    async def limited_heads(self) -> frozenset[str]:
        """Returns the due lane heads that nothing but the rate limit holds back."""
        if self._limiter.wait_us() == 0 or not self.claims:
            return frozenset()
        return frozenset(head.head_id for head in await self._store.lanes() if head.head_id is not None)

    async def run(self) -> None:
        """Dispatches, for ever."""
        while True:
            delay_us = await self._dispatch()
            await self._wakeup.wait(delay_us)

    async def _dispatch(self) -> int | None:
        """Claims until there is nothing to claim or no place for it; returns how long to wait then."""
        try:
            while True:
                if self._is_unsure:
                    await self._read_back()
                await self._begin_suspect()
                await self._arrivals.until_pause()
                # One look at the clock for both: a lane that became due between two would be neither
                # claimed now nor waited for.
                now_us = self._clock.now_us()
                wants, places = self._wants(now_us)
                if not wants:
                    break
                await self._claim(wants, places)
        except StoreUnavailable as error:
            self.store_is_available = False
            self._trouble.goes_on(error)
            return _RETRY_US
        self.store_is_available = True
        self._trouble.is_over()
        return self._wait_us(now_us)

    def _wants(self, now_us: int) -> tuple[list[Want], int]:
        """Returns what to claim now, and how many tasks at most; no wants when nothing can be claimed."""
        due = self._due(now_us) if self.claims else []
        # Most rounds end here: the one after a claim finds nothing more.
        if not due or self._is_closed():
            return [], 0
        free = self.max_tasks - self.running
        wants = self._wants_of_free_places(due, free)
        if self._limiter.limited:
            places = min(free, self._limiter.available())
            return (wants, places) if places > 0 else ([], 0)
        if len(due) > 1:
            return wants, free
        # Only when nobody else waits for the places: a thread hands its place to the next grant in its
        # queue, so a pool that claims ahead would never let go of what another pool is waiting for.
        return self._wants_ahead(*due[0], free)

    def _is_closed(self) -> bool:
        return self.quarantine.closed_us(self._clock.monotonic_us()) > 0

    def _due(self, now_us: int) -> list[_Due]:
        return [(pool, lanes) for pool in self._pools.values() if (lanes := pool.lanes.due(now_us))]

    def _wants_of_free_places(self, due: Sequence[_Due], free: int) -> list[Want]:
        return [Want(lanes, places) for pool, lanes in due if (places := min(free, pool.free)) > 0]

    def _wants_ahead(self, pool: Pool, lanes: tuple[Lane, ...], free: int) -> tuple[list[Want], int]:
        places = min(free, pool.free)
        if places == pool.free:
            # Else a worker is free that may not run anything, but would take what waits.
            places += pool.ahead(lane.handler for lane in lanes)
        return ([Want(lanes, places)], places) if places > 0 else ([], 0)

    async def _claim(self, wants: Sequence[Want], places: int) -> None:
        # What is known of the lanes is dropped before the store is asked: tasks that are offered meanwhile
        # stay noted, whatever the answer.
        for want in wants:
            self._book_of(want.lanes[0]).take_out(want.lanes)
        try:
            claimed = await self._store.claim(wants, limit=places, owner=self._owner)
        except StoreOutcomeUnknown:
            self._is_unsure = True
        except StoreUnavailable:
            now_us = self._clock.now_us()
            for lane in (lane for want in wants for lane in want.lanes):
                self._book_of(lane).offer(lane, now_us, now_us)
            raise
        else:
            self._take(claimed)

    def _book_of(self, lane: Lane) -> LaneBook:
        return self._pools[self._catalogue[lane.handler].isolation].lanes

    async def _read_back(self) -> None:
        """Finds what a call whose outcome is unknown has left: claims that were not granted, and lanes."""
        self._is_unsure = False
        # Only this loop makes attempts live: what was not live before the store is asked was not granted,
        # and what ends meanwhile is not granted again.
        granted = {live.key for live in self._live}
        mine = TaskFilter(owner_epoch=self._owner.epoch)
        try:
            found = await self._store.find(mine, Page(limit=10_000), Seen(self._clock.now_us()))
            lanes = await self._store.lanes()
        except StoreUnavailable:
            self._is_unsure = True
            raise
        orphans = sorted((task for task in found.tasks if task.key not in granted), key=Task.order_key)
        self._take(Claimed(tuple(orphans), tuple(lanes)))

    def _take(self, claimed: Claimed) -> None:
        if self._limiter.limited:
            self._limiter.charge(len(claimed.tasks))
        self._note(claimed.lanes)
        self._grant(claimed.tasks)

    def _grant(self, tasks: Sequence[Task]) -> None:
        grants: dict[Isolation, list[Grant]] = {}
        granted: list[LiveAttempt] = []
        now_us, mono_us = self._clock.now_us(), self._clock.monotonic_us()
        # One of them is going to begin, and alone.
        only_suspects = self.quarantine.is_idle and any(map(is_suspect, tasks))
        for task in tasks:
            entry = self._catalogue[task.spec.handler]
            live = LiveAttempt(task, task.key, entry.isolation, entry.timeout_of(task.spec), mono_us)
            self._live.add(live)
            if self._must_not_begin(live, now_us):
                self._refuse(live)
                continue
            if is_suspect(task):
                self.quarantine.add(live)
                continue
            if only_suspects:
                self._refuse(live)
                continue
            granted.append(live)
            grants.setdefault(entry.isolation, []).append(_grant_of(live, now_us))
        self.on_granted(granted)
        for isolation, batch in grants.items():
            self._pools[isolation].submit(batch)

    async def _begin_suspect(self) -> None:
        """Grants the next suspect if none runs: its start is stored first, whatever it then does to us."""
        live = self.quarantine.next()
        if live is None or self._pools[live.isolation].free == 0 or self.running >= self.max_tasks:
            return
        now_us = self._clock.now_us()
        # Set before it is stored: whatever becomes of that, the attempt may be one from here on.
        live.start_us, live.started_mono_us = now_us, self._clock.monotonic_us()
        await self._store.apply([started(live.key, at_us=now_us, worker="")])
        if live not in self.quarantine:
            # Told to stop meanwhile, and given back.
            return
        self.quarantine.begin(live, live.started_mono_us)
        self.on_granted([live])
        self._pools[live.isolation].submit([_grant_of(live, now_us)])

    def _give_back_suspect(self, live: LiveAttempt) -> None:
        self.quarantine.remove(live)
        self._refuse(live)

    def _refuse(self, live: LiveAttempt) -> None:
        """Gives an attempt back that no executor has seen."""
        self._pools[live.isolation].hold([live.task.spec.handler])
        self.on_refused([Returned(live.key)])

    def _must_not_begin(self, live: LiveAttempt, now_us: int) -> bool:
        """Tells whether a claimed task goes back at once: it waited too long, or claiming ended meanwhile."""
        start_by_us = live.task.start_by_us
        if start_by_us is not None and start_by_us <= now_us:
            live.cause = StopCause.DEADLINE
            return True
        return not self.claims

    def _note(self, heads: Iterable[LaneHead]) -> None:
        now_us = self._clock.now_us()
        for head in heads:
            # Lanes of handlers that only another node has are that node's to run.
            if not head.is_empty and self._catalogue.get(head.lane.handler) is not None:
                self._book_of(head.lane).note(head, now_us)

    def _wait_us(self, now_us: int) -> int | None:
        """Returns how long nothing can change by time alone: until a lane is due, or a token there."""
        if not self.claims:
            return None
        waits = [
            # Looked at again soon, however long it is: the clock may be set meanwhile.
            min(due_us - now_us, _LONGEST_WAIT_US)
            for pool in self._pools.values()
            if (due_us := pool.lanes.next_due_us()) is not None
        ]
        if (closed_us := self.quarantine.closed_us(self._clock.monotonic_us())) > 0:
            waits.append(closed_us)
        if self._limiter.limited and self._wants_of_free_places(
            self._due(now_us), self.max_tasks - self.running
        ):
            # Only a token was missing. It may have come since: then the wait is 0, and not for ever.
            waits.append(self._limiter.wait_us())
        return min(waits, default=None)


def _grant_of(live: LiveAttempt, now_us: int) -> Grant:
    spec = live.task.spec
    deadline_us = now_us + live.timeout_us if live.timeout_us else None
    if spec.deadline_us is not None:
        deadline_us = spec.deadline_us if deadline_us is None else min(deadline_us, spec.deadline_us)
    return Grant(
        key=live.key,
        handler=spec.handler,
        payload=spec.payload,
        labels=spec.labels,
        correlation_id=spec.correlation_id,
        traceparent=spec.traceparent,
        deadline_us=deadline_us,
        last_heartbeat=live.task.last_heartbeat,
    )
