"""Waits for tasks to become final: one that is executed for a caller, or all that match a filter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import msgspec

from millhand_server.core import transition
from millhand_server.core.errors import TaskNotFound, TaskTimeout
from millhand_server.core.ports import Clock
from millhand_server.core.query import Page, TaskFilter, matches
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Task, TaskSpec
from millhand_server.engine.acceptance import Acceptance, Caller
from millhand_server.engine.answers import WaitEnd
from millhand_server.engine.cancelling import LIVING, Cancelling
from millhand_server.engine.clock import TimedOut, within
from millhand_server.engine.presenting import Presenting
from millhand_server.engine.repeating import until_known
from millhand_server.engine.shared import Shared
from millhand_server.engine.tail import LogTail

#: A task can leave a filter's statuses without becoming final; this often the filter is asked again.
_LOOK_AGAIN_US = 1_000_000


class Waiting:
    """Belongs to the engine's loop."""

    def __init__(
        self,
        shared: Shared,
        acceptance: Acceptance,
        cancelling: Cancelling,
        presenting: Presenting,
        on_waiting: Callable[[Sequence[Task]], None],
    ) -> None:
        self._store = shared.store
        self._tail = shared.tail
        self._clock = shared.clock
        self._acceptance = acceptance
        self._cancelling = cancelling
        self._presenting = presenting
        self._on_waiting = on_waiting

    async def execute_new(
        self,
        spec: TaskSpec,
        caller: Caller,
        *,
        timeout_us: int | None,
        cancel_on_timeout: bool,
        on_accepted: Callable[[str], Awaitable[None]] | None,
    ) -> Task:
        """Registers a task and waits for its end; a known one is joined.

        Raises:
            TaskTimeout: the time was over first.
        """
        wait = _Wait(self._tail)
        try:
            inserted = await self._acceptance.accept(spec, caller, before=wait.begin)
            task = inserted.task
            if task.id != wait.task_id:
                # The idempotency key led to a task with another id: wait for that one.
                wait.end()
                wait.begin(task.id)
                [row] = await self._store.get([task.id])
                task = row or task
            if on_accepted is not None:
                await on_accepted(task.id)
            if task.is_final:
                return task
            return await self._until_final(wait, timeout_us, cancel_on_timeout)
        finally:
            wait.end()

    async def execute_known(
        self,
        task_id: str,
        *,
        timeout_us: int | None,
        cancel_on_timeout: bool,
        on_accepted: Callable[[str], Awaitable[None]] | None,
    ) -> Task:
        """Runs a registered task ahead of its order and waits for its end.

        Raises:
            TaskNotFound, TaskAlreadyStarted, TaskCompleted, TaskCancelled: it cannot be run.
            TaskTimeout: the time was over first.
        """
        wait = _Wait(self._tail)
        try:
            wait.begin(task_id)
            [row] = await self._store.get([task_id])
            if row is None:
                raise TaskNotFound(task_id, field="id")
            row.should_schedule()
            expedited = [transition.expedited(task_id)]
            [applied] = await until_known(self._clock, lambda: self._store.apply(expedited))
            if applied.changed and applied.task is not None:
                self._on_waiting([applied.task])
            if on_accepted is not None:
                await on_accepted(task_id)
            return await self._until_final(wait, timeout_us, cancel_on_timeout)
        finally:
            wait.end()

    async def wait(self, wanted: TaskFilter, timeout_us: int | None) -> WaitEnd:
        """Waits until at one instant no matching task is not final; None waits without end."""
        ends_us = None if timeout_us is None else self._clock.monotonic_us() + timeout_us
        done = False
        while not done and (task := await self._living(wanted)) is not None:
            if not await self._until_it_matches_no_more(wanted, task.id, ends_us):
                return await self._counted(wanted, done=False)
        return await self._counted(wanted, done=True)

    async def _until_final(self, wait: _Wait, timeout_us: int | None, cancel: bool) -> Task:
        try:
            return await wait.for_at_most(timeout_us, self._clock)
        except TimedOut:
            task_id = wait.task_id
        if cancel:
            await self._cancelling.cancel([task_id], "the caller's wait was over")
        left = "it was cancelled" if cancel else "it goes on"
        raise TaskTimeout(f"the wait for task {task_id!r} is over; {left}", task_id=task_id)

    async def _living(self, wanted: TaskFilter) -> Task | None:
        """Returns the newest matching task that is not final: the one that is likely to end last."""
        statuses = (wanted.statuses or LIVING) & LIVING
        if not statuses:
            return None
        living = msgspec.structs.replace(wanted, statuses=frozenset(statuses))
        found = await self._store.find(living, Page(limit=1, descending=True), await self._presenting.seen())
        return found.tasks[0] if found.tasks else None

    async def _until_it_matches_no_more(self, wanted: TaskFilter, task_id: str, ends_us: int | None) -> bool:
        """Returns True when the task is final or past the filter, False when the time is over first."""
        wait = _Wait(self._tail)
        try:
            wait.begin(task_id)
            while True:
                [row] = await self._store.get([task_id])
                if row is None or row.is_final or not matches(wanted, row, await self._presenting.seen()):
                    return True
                left_us = None if ends_us is None else ends_us - self._clock.monotonic_us()
                if left_us is not None and left_us <= 0:
                    return False
                await self._look_again(wait, wanted, left_us)
        finally:
            wait.end()

    async def _look_again(self, wait: _Wait, wanted: TaskFilter, left_us: int | None) -> None:
        """Waits for the task's end, but not for long when it may leave the filter's statuses before."""
        limits = [left_us, _LOOK_AGAIN_US if wanted.statuses else None]
        limit_us = min((limit for limit in limits if limit is not None), default=None)
        with suppress(TimedOut):
            await within(self._clock, limit_us, wait.waiter)

    async def _counted(self, wanted: TaskFilter, *, done: bool) -> WaitEnd:
        counts: dict[TaskStatus, int] = await self._store.count(
            wanted, await self._presenting.seen(), limit=0
        )
        return WaitEnd(done, counts)


class _Wait:
    """A place among those who wait for one task; `end` gives it back, also when it was never taken."""

    def __init__(self, tail: LogTail) -> None:
        self._tail = tail
        self.task_id = ""

    def begin(self, task_id: str) -> None:
        self.task_id = task_id
        self.waiter: asyncio.Future[Task] = self._tail.wait_final(task_id)

    async def for_at_most(self, limit_us: int | None, clock: Clock) -> Task:
        """Returns the final task. Nothing can be waited for here any more after TimedOut.

        Raises:
            TimedOut: the time was over first.
        """
        if limit_us is None:
            return await self.waiter
        cancel = clock.call_later(limit_us, self._expire)
        try:
            return await self.waiter
        finally:
            cancel()

    def _expire(self) -> None:
        if not self.waiter.done():
            self.waiter.set_exception(TimedOut())

    def end(self) -> None:
        if self.task_id:
            self._tail.forget(self.task_id, self.waiter)
            # Nobody may be left to take an exception that was set meanwhile.
            self.waiter.cancel()
            self.task_id = ""
