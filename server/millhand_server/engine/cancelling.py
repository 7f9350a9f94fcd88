"""Cancels tasks: stores the request, tells running code, and says what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence

import msgspec

from millhand_server.core.errors import MillhandError, StoreOutcomeUnknown, TaskNotFound
from millhand_server.core.execution import StopCause
from millhand_server.core.ports import CancelMark
from millhand_server.core.query import Page, Seen, TaskFilter
from millhand_server.core.status import FINAL, TaskStatus
from millhand_server.core.task import Task
from millhand_server.engine.answers import AllCancelled, Cancellation, CancelOutcome
from millhand_server.engine.attempts import LiveAttempt
from millhand_server.engine.clock import TimedOut, Wakeup, within
from millhand_server.engine.shared import Shared
from millhand_server.engine.watchdog import Watchdog

_BATCH = 500
_LISTED = 1_000
_RETRY_US = 100_000

#: Every status that is not final.
LIVING = frozenset(TaskStatus) - FINAL


class Cancelling:
    """All the ways to cancel. Belongs to the engine's loop."""

    def __init__(self, shared: Shared, watchdog: Watchdog) -> None:
        self._store = shared.store
        self._live = shared.live
        self._watchdog = watchdog
        self._tail = shared.tail
        self._clock = shared.clock

    async def cancel(self, ids: Sequence[str], reason: str) -> list[Cancellation | MillhandError]:
        """Cancels tasks by id and answers in their order; the requests are stored when it returns."""
        started_us = self._clock.now_us()
        marks = await self._mark(ids, reason)
        self._tail.advance(max((m.task.position for m in marks if m.task and m.dequeued), default=0))
        signalled = [self._signal(mark) for mark in marks]
        return [
            await self._answer(task_id, mark, live, started_us)
            for task_id, mark, live in zip(ids, marks, signalled, strict=True)
        ]

    async def cancel_and_wait(self, task_id: str, reason: str, wait_us: int | None) -> Cancellation:
        """Cancels one task and waits for its code to end, at most `wait_us` (None: does not wait).

        Raises:
            TaskNotFound: there is no such task.
        """
        live = self._live.of_task(task_id)
        [answer] = await self.cancel([task_id], reason)
        if isinstance(answer, MillhandError):
            raise answer
        if answer.outcome is not CancelOutcome.SIGNALLED or wait_us is None:
            return answer
        await self._until_stopped([answer.task], wait_us)
        [row] = await self._store.get([task_id])
        task = row or answer.task
        live = self._live.of_task(task_id) or live
        if live is not None and live.stuck:
            return Cancellation(CancelOutcome.NOT_STOPPABLE, task)
        return Cancellation(CancelOutcome.STOPPED if task.is_final else CancelOutcome.SIGNALLED, task)

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
        running = [row.id for row in rows if row is not None and not row.is_final]
        counts = dict(cancelled.counts)
        if signalled:
            counts[CancelOutcome.SIGNALLED] = len(running)
            counts[CancelOutcome.STOPPED] = len(signalled) - len(running)
        return AllCancelled(
            {outcome: count for outcome, count in counts.items() if count}, tuple(running[:_LISTED])
        )

    async def _mark(self, ids: Sequence[str], reason: str) -> list[CancelMark]:
        for _ in range(4):
            try:
                return await self._store.cancel(ids, reason)
            except StoreOutcomeUnknown:
                # Asking again is safe: the first request stands.
                await Wakeup(self._clock).wait(_RETRY_US)
        return await self._store.cancel(ids, reason)

    def _signal(self, mark: CancelMark) -> LiveAttempt | None:
        if mark.task is None or mark.dequeued or mark.already_final:
            return None
        live = self._live.of_task(mark.task.id)
        if live is not None and not live.settled:
            self._watchdog.stop(live, StopCause.CANCEL)
        return live

    async def _answer(
        self, task_id: str, mark: CancelMark, live: LiveAttempt | None, started_us: int
    ) -> Cancellation | MillhandError:
        task = mark.task
        if task is None:
            return TaskNotFound(task_id, field="id")
        if mark.dequeued or _dequeued_before(mark, task, started_us):
            return Cancellation(CancelOutcome.DEQUEUED, task)
        if mark.already_final:
            return Cancellation(CancelOutcome.ALREADY_FINAL, task)
        if live is not None and not live.started:
            # Claimed ahead: its executor gives it back, unless its code begins just now.
            await live.watch()
            [row] = await self._store.get([task_id])
            if row is not None and row.is_final and not live.started:
                return Cancellation(CancelOutcome.DEQUEUED, row)
        return Cancellation(CancelOutcome.SIGNALLED, task)

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
        seen = Seen(self._clock.now_us())
        newest = await self._store.find(TaskFilter(), Page(limit=1, descending=True), seen)
        if not statuses or not newest.tasks:
            return
        wanted = msgspec.structs.replace(
            wanted, statuses=frozenset(statuses), max_sequence=newest.tasks[0].sequence
        )
        page = Page(limit=_BATCH)
        while True:
            found = await self._store.find(wanted, page, Seen(self._clock.now_us()))
            if found.tasks:
                yield [task.id for task in found.tasks]
            if not found.more:
                return
            page = Page(limit=_BATCH, after=(found.tasks[-1].sequence, 0))


def _dequeued_before(mark: CancelMark, task: Task, started_us: int) -> bool:
    # Found CANCELLED by a request of this call: an earlier try of it whose outcome was unknown.
    return (
        mark.already_final
        and task.status is TaskStatus.CANCELLED
        and task.attempt == 0
        and (task.cancel_us or 0) >= started_us
    )
