"""The end of the log: learns what became final, and wakes those who wait for it.

What is published is only how far the log is. What the tail was not handed by those who made it, results of
other nodes for one, it reads from the store like any reader.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from millhand_server.core.errors import Closing, StoreUnavailable
from millhand_server.core.ports import Clock, TaskStore
from millhand_server.core.query import EVERYTHING, Seen, TaskFilter, matches
from millhand_server.core.status import FINAL
from millhand_server.core.task import Progress, Task
from millhand_server.engine.clock import Wakeup
from millhand_server.engine.trouble import Trouble

logger = logging.getLogger(__name__)

_PAGE = 1_000
_PAGE_BYTES = 8 * 1024 * 1024
_RETRY_US = 200_000

#: A result's filter never depends on the time: a final status is shown as it is stored.
_ANY_TIME = Seen(0)


class Follower:
    """One reader's place at the tail: rung when something for it is new, or when the tail ends.

    `looked_at` is how far the tail has seen nothing that matches since the follower was last rung; a reader
    that stood at `quiet_from` or later need not read up to there.
    """

    def __init__(self, wanted: TaskFilter, clock: Clock, *, progress: bool, position: int) -> None:
        self.wanted = wanted
        self.bell = Wakeup(clock)
        self.wants_progress = progress
        self.progress: dict[str, tuple[int, Progress]] = {}
        self.quiet_from = position
        self.looked_at = position


class LogTail:
    """Follows the log's end for everyone on this node. Belongs to the engine's loop."""

    def __init__(self, store: TaskStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._wakeup = Wakeup(clock)
        self._trouble = Trouble(logger, clock, "reading the log's end")
        self._known = 0
        self._waiters: dict[str, list[asyncio.Future[Task]]] = {}
        self._followers: set[Follower] = set()
        self._read_all = asyncio.Event()
        self._read_all.set()
        self.position = 0
        self.ended = False

    async def start(self) -> None:
        """Begins at the log's present end."""
        page = await self._store.read_log(2**62, EVERYTHING, limit=1, max_bytes=1)
        self.position = self._known = page.last

    def advance(self, rows: Iterable[Task]) -> None:
        """Takes note of rows that were changed here; those that are final are in the log.

        Who waits for one of these tasks has it at once: a small retention may drop it from the log before
        the tail comes to read it.
        """
        final = [row for row in rows if row.status in FINAL]
        self._resolve(final)
        last = max((row.position for row in final), default=0)
        if last <= self._known:
            return
        if self._is_next(final, last):
            # All that is new is in hand, and need not be read back.
            self._wake_followers(final, last, all_of_them=False)
            self.position = self._known = last
            return
        self._known = last
        self._read_all.clear()
        self._wakeup.ring()

    def _is_next(self, final: Sequence[Task], last: int) -> bool:
        """Tells whether these are the results that follow the last one read, without a hole."""
        in_order = final[0].position == self.position + 1 and final[-1].position == last
        return self.position == self._known and in_order and len(final) == last - self.position

    async def until_read(self) -> None:
        """Returns when all that is known to be in the log was read and passed on."""
        await self._read_all.wait()

    def wait_final(self, task_id: str) -> asyncio.Future[Task]:
        """Returns a future of the final task. The caller then looks whether the task is final already.

        The future must be given back with `forget` when it is not awaited to its end.

        Raises:
            Closing: nothing becomes final here any more.
        """
        if self.ended:
            raise Closing
        waiter: asyncio.Future[Task] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(task_id, []).append(waiter)
        return waiter

    def forget(self, task_id: str, waiter: asyncio.Future[Task]) -> None:
        waiters = self._waiters.get(task_id)
        if waiters is not None and waiter in waiters:
            waiters.remove(waiter)
            if not waiters:
                del self._waiters[task_id]

    def follow(self, wanted: TaskFilter, *, progress: bool) -> Follower:
        """Adds a follower; it is given back with `unfollow`."""
        follower = Follower(wanted, self._clock, progress=progress, position=self.position)
        self._followers.add(follower)
        return follower

    def unfollow(self, follower: Follower) -> None:
        self._followers.discard(follower)

    def publish_progress(self, task: Task, progress: Progress) -> None:
        """Hands the latest progress of a running task to those who want it."""
        for follower in self._followers:
            if follower.wants_progress and matches(follower.wanted, task, _ANY_TIME):
                follower.progress[task.id] = (task.attempt, progress)
                follower.bell.ring()

    def end(self) -> None:
        """Tells all followers that nothing more will come, and refuses those who wait for a task."""
        self.ended = True
        for follower in self._followers:
            follower.bell.ring()
        self.refuse(lambda _: True)

    def refuse(self, is_refused: Callable[[str], bool]) -> None:
        """Ends the wait of those whose task, given by its id, will not become final here."""
        for task_id in [task_id for task_id in self._waiters if is_refused(task_id)]:
            for waiter in self._waiters.pop(task_id):
                if not waiter.done():
                    waiter.set_exception(Closing())

    async def run(self) -> None:
        """Reads what is new, for ever."""
        while True:
            await self._wakeup.wait()
            while self.position < self._known:
                try:
                    await self._read()
                    self._trouble.is_over()
                except StoreUnavailable as error:
                    self._trouble.goes_on(error)
                    await self._wakeup.wait(_RETRY_US)
            self._read_all.set()

    async def _read(self) -> None:
        page = await self._store.read_log(self.position, EVERYTHING, limit=_PAGE, max_bytes=_PAGE_BYTES)
        self._resolve(page.tasks)
        was_trimmed = page.first > self.position + 1
        self._wake_followers(page.tasks, page.position, all_of_them=was_trimmed)
        self.position = page.position

    def _resolve(self, tasks: Iterable[Task]) -> None:
        if not self._waiters:
            return
        for task in tasks:
            for waiter in self._waiters.pop(task.id, ()):
                if not waiter.done():
                    waiter.set_result(task)

    def _wake_followers(self, tasks: Sequence[Task], position: int, *, all_of_them: bool) -> None:
        # Nobody can tell what a gap would have held for a follower: it has to meet the gap itself.
        for follower in self._followers:
            if follower.wants_progress:
                for task in tasks:
                    follower.progress.pop(task.id, None)
            if all_of_them or any(matches(follower.wanted, task, _ANY_TIME) for task in tasks):
                follower.quiet_from = position
                follower.bell.ring()
            follower.looked_at = position
