"""A manager whose time and attempts a test moves by hand: the real engine, a fake clock, fake workers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

from millhand_server.core.execution import Outcome
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US, AttemptKey, Task
from millhand_server.engine.answers import CloseMode, Drained
from millhand_server.engine.manager import TaskManager
from millhand_server.testing.clock import FakeClock
from millhand_server.testing.executor import PATIENCE_S, HandDrivenExecutor

T = TypeVar("T")
E = TypeVar("E", bound=HandDrivenExecutor)

#: How often the loop goes round, at most, before the engine counts as having done all that it can do now.
_TURNS = 60

#: A closing manager has done what it does within so many seconds: its grace, and the time to stop.
_CLOSING_S = 60


class SteppedManager(Generic[E]):
    """Moves one manager. Belongs to the loop of the test that made it; nothing here takes real time."""

    def __init__(self, manager: TaskManager, clock: FakeClock, threads: E, loops: E) -> None:
        """Takes a manager that is not started, the clock it was given, and its two executors."""
        self.manager = manager
        self.clock = clock
        self.threads = threads
        self.loops = loops
        self._spawned: list[asyncio.Task[Any]] = []

    async def settle(self) -> None:
        """Lets the engine do all that it can do at this instant."""
        # What is ready to run, where a loop lets us see it; nothing public tells. Other loops go all rounds.
        ready = getattr(asyncio.get_running_loop(), "_ready", None)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
            if ready is not None and not ready:
                return

    async def advance(self, seconds: float) -> None:
        """Moves the clock on, alarm by alarm: what is set on the way goes off on the way.

        Costs real time by the number of alarms, and a manager looks at its retention every 5 s: an hour costs
        about a second. Where nothing on the way matters, `clock.advance` passes a year in one step.
        """
        await self.let_go()
        left_us = round(seconds * SECOND_US)
        while (wait_us := self.clock.until_next_us()) is not None and wait_us <= left_us:
            self.clock.advance_us(wait_us)
            left_us -= wait_us
            await self.let_go()
        self.clock.advance_us(left_us)
        await self.let_go()

    async def let_go(self) -> None:
        """What is done at each instant that `advance` comes to."""
        await self.settle()

    def spawn(self, call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Starts a call beside the test; it is cancelled with the manager."""
        task = asyncio.create_task(call)
        self._spawned.append(task)
        return task

    async def task(self, task_id: str) -> Task:
        return await self.manager.get_task(task_id)

    async def status(self, task_id: str) -> TaskStatus:
        return (await self.task(task_id)).status

    def key(self, task_id: str) -> AttemptKey:
        """Returns the key of the task's newest attempt.

        Raises:
            AssertionError: none was granted: no place is free, it is not due, or it is over.
        """
        return self.newest(task_id)[1]

    async def begin(self, task_id: str) -> AttemptKey:
        """Lets the code of a granted attempt begin, without calling it."""
        await self.settle()
        executor, key = self.newest(task_id)
        executor.begin(key)
        await self.settle()
        return key

    async def end(self, task_id: str, outcome: Outcome | None = None) -> Task:
        """Lets an attempt that was begun end, and returns the task as it is then.

        Without an outcome it succeeds with no output.
        """
        executor, key = self.newest(task_id)
        executor.finish(key, outcome)
        await self.settle()
        return await self.task(task_id)

    async def close(self, mode: CloseMode = CloseMode.NOW) -> Drained:
        """Closes the manager, passing the time that it waits for code that does not end."""
        closing = asyncio.create_task(self.manager.close(mode))
        for _ in range(_CLOSING_S):
            await self.settle()
            if closing.done():
                break
            self.clock.advance(1)
        return await asyncio.wait_for(closing, PATIENCE_S)

    async def end_spawned(self) -> None:
        """Cancels the calls beside the test."""
        for task in self._spawned:
            task.cancel()
        await asyncio.gather(*self._spawned, return_exceptions=True)

    def newest(self, task_id: str) -> tuple[E, AttemptKey]:
        """Returns the executor and the key of the task's newest attempt; raises as `key`."""
        found = [
            (executor, grant.key)
            for executor in (self.threads, self.loops)
            for grant in executor.grants
            if grant.key.task_id == task_id
        ]
        if not found:
            raise AssertionError(
                f"no attempt of task {task_id!r} was granted: it is not due, or no place is free"
            )
        return found[-1]
