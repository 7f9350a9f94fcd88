"""A whole manager on a fake clock: the real engine, store, codec and handlers, in a test's hands."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Unpack

from millhand.kit import Handlers
from millhand.protocol.specs import TaskOptions, task_spec
from millhand.v1 import task_service_pb2
from millhand_server.core.ports import Retention
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Task
from millhand_server.engine.answers import CloseMode, Drained
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.executors.aio import AsyncExecutor
from millhand_server.engine.executors.thread import ThreadExecutor
from millhand_server.engine.manager import TaskManager
from millhand_server.engine.options import ManagerOptions
from millhand_server.rpc import convert_task, validation
from millhand_server.rpc.codec import ProtoCodec
from millhand_server.store.memory import MemoryStore
from millhand_server.testing.clock import FakeClock
from millhand_server.testing.executor import SteppedExecutor
from millhand_server.testing.payloads import decoded
from millhand_server.testing.refusals import as_callers_see
from millhand_server.testing.stepping import SteppedManager

#: How long code may take to end that a closing manager has told to.
_LAST_STEPS_S = 1.0

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def manager(
    handlers: Handlers,
    *,
    options: ManagerOptions | None = None,
    retention: Retention | None = None,
    by_hand: bool = False,
    seed: int = 0,
) -> AsyncIterator[ManagerBench]:
    """Runs a manager for the length of a block, on a clock that only the test moves.

    Everything is what a server has but the clock, the ids (`task-1`, `task-2`, ...) and the jitter of
    retries, which are the same in every run. Attempts run one after the other, in the order in which the
    engine grants them.

    Args:
        handlers: what it can run.
        options: how it works; None takes the defaults, with 4 workers.
        retention: how long results are kept; None takes the defaults.
        by_hand: `advance` moves the time alone, and the test says when attempts begin and end.
        seed: of the jitter.

    Raises:
        UnsupportedHandler: a handler asks for what no server can do.
    """
    bench = ManagerBench(
        handlers,
        options or ManagerOptions(max_workers=4),
        retention or Retention(),
        by_hand=by_hand,
        seed=seed,
    )
    await bench.manager.start()
    try:
        yield bench
    finally:
        await bench.close()
        await bench.end_spawned()
        await bench.manager.close_store()


class ManagerBench(SteppedManager[SteppedExecutor]):
    """A manager and all that a test moves it with; `manager` makes one.

    Operations beyond those here are the manager's own: `bench.manager`, with `bench.spawn` for those that
    wait. Handlers that wait in real time (`wait_cancelled`, `asyncio.sleep`) do so here too: `call` them,
    and tell them what they wait for.
    """

    def __init__(
        self, handlers: Handlers, options: ManagerOptions, retention: Retention, *, by_hand: bool, seed: int
    ) -> None:
        """Builds a manager; nothing happens before `manager.start()`."""
        clock = FakeClock()
        limits = options.limits
        codec = ProtoCodec(max_bytes=limits.max_payload_bytes, max_depth=limits.max_json_depth)
        catalogue = Catalogue(handlers, options, codec)
        threads = SteppedExecutor(ThreadExecutor(catalogue, codec, clock), clock)
        loops = SteppedExecutor(AsyncExecutor(catalogue, codec, clock), clock)
        self._ids = _ids()
        engine = TaskManager(
            store=MemoryStore(clock, retention),
            executors=(threads, loops),
            catalogue=catalogue,
            clock=clock,
            options=options,
            retention=retention,
            node="node-1",
            random_source=random.Random(seed),
            new_id=self._ids,
        )
        super().__init__(engine, clock, threads, loops)
        self._by_hand = by_hand

    @property
    def now(self) -> datetime:
        """The time on the bench, for `run_at` and `deadline`."""
        return _EPOCH + timedelta(microseconds=self.clock.now_us())

    async def register(self, handler: str, request: object = None, **options: Unpack[TaskOptions]) -> Task:
        """Registers a task as a client would, checks of the edge included, and returns it.

        Args:
            handler: its name.
            request: JSON values, bytes, a `Blob`, a protobuf message; None for none.
            options: as `millhand.Client.register` takes them.

        Raises:
            millhand.MillhandError: no client would send it, or the server refuses it.
        """
        if not options.get("id") and not options.get("idempotency_key"):
            options["id"] = self._ids()
        message = task_service_pb2.RegisterTaskRequest(task=task_spec(handler, request, **options))
        with as_callers_see():
            validation.check(message, self.manager.limits)
            inserted = await self.manager.register_task(convert_task.task_spec(message.task))
        await self.settle()
        return inserted.task

    async def run_due(self) -> list[Task]:
        """Runs the handlers of all attempts that can begin now, one after the other, to their ends.

        Returns:
            Their tasks as they were after each: final, or RETRYING. Empty when nothing could begin.

        Raises:
            AssertionError: one does not end within real seconds.
        """
        await self.settle()
        ran: list[Task] = []
        while (task_id := self._next()) is not None:
            await self.call(task_id)
            ran.append(await self.until_ended(task_id))
        return ran

    async def advance(self, seconds: float) -> None:
        """Moves the clock on, alarm by alarm; unless `by_hand`, handlers run as they become due.

        They take no time on this clock. An hour costs about a second of real time; where nothing on the way
        matters, `clock.advance` passes a year in one step, and `run_due` runs what is due then.
        """
        await super().advance(seconds)

    async def call(self, task_id: str) -> None:
        """Calls the handler of a granted attempt, and returns when its code has begun.

        Raises:
            AssertionError: no attempt of the task waits to be begun, or no worker is free.
        """
        await self.settle()
        executor, key = self.newest(task_id)
        if key not in executor.waiting:
            raise AssertionError(f"attempt {key.attempt} of task {task_id!r} does not wait to be begun")
        executor.call(key)
        await executor.until_begun(key)
        await self.settle()

    async def until_ended(self, task_id: str) -> Task:
        """Waits for the code of a called attempt to end, and returns the task as it is then.

        Raises:
            AssertionError: it does not end within real seconds.
        """
        executor, key = self.newest(task_id)
        await executor.until_ended(key)
        await self.settle()
        return await self.task(task_id)

    async def result(self, task_id: str) -> Any:
        """Returns what a caller gets from a COMPLETED task.

        Raises:
            AssertionError: the task is not COMPLETED.
        """
        task = await self.task(task_id)
        if task.status is not TaskStatus.COMPLETED:
            raise AssertionError(f"task {task_id!r} is {task.status.name}: {task.error}")
        return decoded(task.output)

    async def close(self, mode: CloseMode = CloseMode.NOW) -> Drained:
        """Closes the manager; code that was called gets a real second to end before the grace passes."""
        closing = self.spawn(self.manager.close(mode))
        await self.settle()
        for executor in (self.threads, self.loops):
            await executor.until_idle(_LAST_STEPS_S)
        await super().close(mode)
        return await closing

    async def let_go(self) -> None:
        if self._by_hand:
            await self.settle()
        else:
            await self.run_due()

    def _next(self) -> str | None:
        waiting = [*self.threads.waiting, *self.loops.waiting]
        return waiting[0].task_id if waiting else None


def _ids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"task-{next(numbers)}"
