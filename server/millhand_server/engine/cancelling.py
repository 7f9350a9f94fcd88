"""Cancels tasks: stores the request, tells running code, and says what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence

import msgspec

from millhand_server.core.errors import MillhandError, StoreOutcomeUnknown, TaskNotFound
from millhand_server.core.execution import StopCause
from millhand_server.core.ports import CancelMark
from millhand_server.core.query import EVERYTHING, Page, Seen, TaskFilter
from millhand_server.core.status import FINAL, TaskStatus
from millhand_server.core.task import Task
from millhand_server.engine.answers import AllCancelled, Cancellation, CancelOutcome
from millhand_server.engine.attempts import LiveAttempt
from millhand_server.engine.clock import TimedOut, within
from millhand_server.engine.presenting import Presenting
from millhand_server.engine.repeating import until_known
from millhand_server.engine.shared import Shared
from millhand_server.engine.watchdog import Watchdog

_BATCH = 500
_LISTED = 1_000

#: Every status that is not final.
LIVING = frozenset(TaskStatus) - FINAL


class Cancelling:
    """All the ways to cancel. Belongs to the engine's loop."""

    def __init__(self, shared: Shared, watchdog: Watchdog, presenting: Presenting) -> None:
        self._store = shared.store
        self._live = shared.live
        self._watchdog = watchdog
        self._presenting = presenting
        self._tail = shared.tail
        self._observing = shared.observing
        self._clock = shared.clock

    async def cancel(self, ids: Sequence[str], reason: str) -> list[Cancellation | MillhandError]:
        """Cancels tasks by id and answers in their order; the requests are stored when it returns."""
        marks = await self._mark(ids, reason)
        self._observing.cancelled(marks)
        self._tail.advance(mark.task for mark in marks if mark.task is not None)
        signalled = [self._signal(mark) for mark in marks]
        return [
            await self._answer(task_id, mark, live)
            for task_id, mark, live in zip(ids, marks, signalled, strict=True)
        ]

    async def cancel_and_wait(self, task_id: str, reason: str, wait_us: int | None) -> Cancellation:
        """Cancels one task and waits for its code to end, at most `wait_us` (None: does not wait).

        Raises:
            TaskNotFound: there is no such task.
        """
        [answer] = await self.cancel([task_id], reason)
        if isinstance(answer, MillhandError):
            raise answer
        if answer.outcome is not CancelOutcome.SIGNALLED or wait_us is None:
            return answer
        await self._until_stopped([answer.task], wait_us)
        [row] = await self._store.get([task_id])
        task = row or answer.task
        return Cancellation(self._came_of(task), task)

    async def cancel_all(self, wanted: TaskFilter, reason: str) -> tuple[AllCancelled, list[Task]]:
        """Cancels what matches and was accepted before the call; also returns the signalled tasks."""
        counts: Counter[CancelOutcome] = Counter()
        signalled: list[Task] = []
        async for ids in self._living(wanted):
            for answer in await self.cancel(ids, reason):
                # A task that vanished meanwhile was final, and past its retention.
                if isinstance(answer, Cancellation):
                    counts[answer.outcome] += 1
                    if answer.outcome is CancelOutcome.SIGNALLED:
                        signalled.append(answer.task)
        return AllCancelled(dict(counts)), signalled

    async def cancel_all_and_wait(
        self, wanted: TaskFilter, reason: str, timeout_us: int | None
    ) -> AllCancelled:
        """As `cancel_all`, then waits for running code to end; None waits without end."""
        cancelled, signalled = await self.cancel_all(wanted, reason)
        await self._until_stopped(signalled, timeout_us)
        rows = await self._store.get([task.id for task in signalled])
        counts = Counter(cancelled.counts)
        del counts[CancelOutcome.SIGNALLED]
        running: list[str] = []
        for row, task in zip(rows, signalled, strict=True):
            outcome = self._came_of(row or task)
            counts[outcome] += 1
            if outcome is not CancelOutcome.STOPPED:
                running.append(task.id)
        return AllCancelled(dict(counts), tuple(running[:_LISTED]))

    async def _mark(self, ids: Sequence[str], reason: str) -> list[CancelMark]:
        """Stores the requests, and settles an unknown outcome by asking again: the first request stands."""
        try:
            return await self._store.cancel(ids, reason)
        except StoreOutcomeUnknown:
            marks = await until_known(self._clock, lambda: self._store.cancel(ids, reason))
        return [_own(mark) for mark in marks]

    def _signal(self, mark: CancelMark) -> LiveAttempt | None:
        if mark.task is None or mark.dequeued or mark.already_final:
            return None
        live = self._live.of_task(mark.task.id)
        if live is not None and not live.settled:
            self._watchdog.stop(live, StopCause.CANCEL)
        return live

    async def _answer(
        self, task_id: str, mark: CancelMark, live: LiveAttempt | None
    ) -> Cancellation | MillhandError:
        task = mark.task
        if task is None:
            return TaskNotFound(task_id, field="id")
        if mark.dequeued:
            return Cancellation(CancelOutcome.DEQUEUED, task)
        if mark.already_final:
            return Cancellation(CancelOutcome.ALREADY_FINAL, task)
        if live is not None and not live.started:
            # Claimed ahead: its executor gives it back, unless its code begins just now.
            if self._live.get(live.key) is live:
                await live.watch()
            [row] = await self._store.get([task_id])
            if row is not None and row.is_final and not live.started:
                return Cancellation(CancelOutcome.DEQUEUED, row)
        return Cancellation(CancelOutcome.SIGNALLED, task)

    def _came_of(self, task: Task) -> CancelOutcome:
        """Tells what a signal has come to: code may run on though its task is final."""
        live = self._live.of_task(task.id)
        if live is not None and live.stuck:
            return CancelOutcome.NOT_STOPPABLE
        if live is not None or not task.is_final:
            return CancelOutcome.SIGNALLED
        return CancelOutcome.STOPPED

    async def _until_stopped(self, tasks: Sequence[Task], wait_us: int | None) -> None:
        """Returns when each task's code has ended or counts as stuck, or the time is over."""
        ends_us = None if wait_us is None else self._clock.monotonic_us() + wait_us
        for task in tasks:
            while (live := self._live.of_task(task.id)) is not None and not live.stuck:
                left_us = None if ends_us is None else max(0, ends_us - self._clock.monotonic_us())
                try:
                    await within(self._clock, left_us, live.watch())
                except TimedOut:
                    return

    async def _living(self, wanted: TaskFilter) -> AsyncIterator[list[str]]:
        """Yields the ids of what matches and is not final, in batches; nothing accepted from now on."""
        statuses = (wanted.statuses or LIVING) & LIVING
        newest = await self._store.find(EVERYTHING, Page(limit=1, descending=True), Seen(0))
        if not statuses or not newest.tasks:
            return
        wanted = msgspec.structs.replace(
            wanted, statuses=frozenset(statuses), max_sequence=newest.tasks[0].sequence
        )
        page = Page(limit=_BATCH)
        while True:
            found = await self._store.find(wanted, page, await self._presenting.seen())
            if found.tasks:
                yield [task.id for task in found.tasks]
            if not found.more:
                return
            page = Page(limit=_BATCH, after=(found.tasks[-1].sequence, 0))


def _own(mark: CancelMark) -> CancelMark:
    # Found by a repeated request: the one before cancelled it, if both its times are the same.
    task = mark.task
    if task is None or task.status is not TaskStatus.CANCELLED or task.cancel_us != task.complete_us:
        return mark
    return CancelMark(task, dequeued=True)
