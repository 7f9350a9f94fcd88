"""Hundreds of tasks on real threads and a loop, over a store that fails and does not know at random."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import pytest
from tests.engine.bench import STEADY
from tests.fakes.codec import JsonCodec
from tests.fakes.executor import EncodingExecutor
from tests.fakes.store import Behaviour, Fail, FaultyStore, Script, Unknown, Well

from millhand.kit import Fatal, Handlers, RetryAfter, TaskContext
from millhand_server.core.errors import (
    StoreUnavailable,
    TaskAlreadyStarted,
    TaskCancelled,
    TaskCompleted,
    TaskNotFound,
    TaskTimeout,
)
from millhand_server.core.query import EVERYTHING
from millhand_server.core.status import FINAL, TaskStatus
from millhand_server.core.task import TaskSpec
from millhand_server.engine.answers import CloseMode, ResultFrame
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.clock import SystemClock
from millhand_server.engine.executors.aio import AsyncExecutor
from millhand_server.engine.executors.thread import ThreadExecutor
from millhand_server.engine.manager import TaskManager
from millhand_server.engine.options import ManagerOptions
from millhand_server.engine.reading import ReadRequest
from millhand_server.store.memory import MemoryStore

T = TypeVar("T")

TASKS = 300
PATIENCE_S = 30


class RandomScript(Script):
    """Lets one call in twelve go wrong, in one of the three ways."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self.is_healthy = True
        self.faults = 0

    def take(self, verb: str) -> Behaviour:
        if self.is_healthy or verb in ("open", "close") or self._random.random() > 1 / 12:
            return Well()
        self.faults += 1
        return self._random.choice((Fail(), Unknown(done=True), Unknown(done=False)))


class Attempts:
    """Counts the code that runs, in whatever thread, and notes attempts of one task that overlap."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.count = 0
        self.overlapping: list[str] = []
        self._running: set[str] = set()
        self._lock = threading.Lock()

    def enter(self, task: TaskContext) -> random.Random:
        with self._lock:
            self.count += 1
            if task.id in self._running:
                self.overlapping.append(task.id)
            self._running.add(task.id)
        return random.Random(f"{self.seed} {task.id} {task.attempt}")

    def leave(self, task: TaskContext) -> None:
        with self._lock:
            self._running.discard(task.id)


def handlers(attempts: Attempts) -> Handlers:
    found = Handlers()

    @found.handler("plain")
    def plain(task: TaskContext) -> int:
        chance = attempts.enter(task)
        try:
            if task.wait_cancelled(chance.choice((0, 0, 0, 0.002))):
                task.raise_if_cancelled()
            end(chance)
            return task.attempt
        finally:
            attempts.leave(task)

    @found.handler("async")
    async def on_a_loop(task: TaskContext) -> int:
        chance = attempts.enter(task)
        try:
            await asyncio.sleep(chance.choice((0, 0.002)))
            end(chance)
            return task.attempt
        finally:
            attempts.leave(task)

    return found


def end(chance: random.Random) -> None:
    """Succeeds seven times in ten, and else fails in one of three ways."""
    match chance.randrange(10):
        case 0:
            raise ValueError
        case 1:
            raise RetryAfter(0.001)
        case 2:
            raise Fatal("NEVER")


@asynccontextmanager
async def running_manager(seed: int, attempts: Attempts, script: RandomScript) -> AsyncIterator[TaskManager]:
    clock, codec = SystemClock(), JsonCodec()
    options = ManagerOptions(max_workers=4, max_tasks=6, retry_delay_us=1_000)
    catalogue = Catalogue(handlers(attempts), options, codec)
    manager = TaskManager(
        store=FaultyStore(MemoryStore(clock), script),
        executors=(
            ThreadExecutor(catalogue, codec, clock),
            EncodingExecutor(AsyncExecutor(catalogue, codec, clock)),
        ),
        catalogue=catalogue,
        clock=clock,
        options=options,
        random_source=random.Random(seed),
    )
    await manager.start()
    script.is_healthy = False
    try:
        yield manager
    finally:
        await manager.close(CloseMode.NOW)


async def persistently(call: Callable[[], Awaitable[T]]) -> T:
    """Does what every client does when the store is not there: it asks again."""
    while True:
        try:
            return await call()
        except StoreUnavailable:
            # A turn for the others is wait enough: the next call may go well.
            await asyncio.sleep(0)


async def register_all(manager: TaskManager, chance: random.Random) -> None:
    ids = [f"{number}" for number in range(TASKS)]
    while ids:
        batch = [
            TaskSpec(
                id=ids.pop(),
                handler=chance.choice(("plain", "plain", "async")),
                priority=chance.randrange(-2, 3),
                delay_us=chance.choice((None, None, 5_000)),
                retry_policy=STEADY,
            )
            for _ in range(min(len(ids), chance.randrange(1, 20)))
        ]
        await persistently(partial(manager.register_tasks, batch))
        await asyncio.sleep(0)


async def disturb(manager: TaskManager, chance: random.Random) -> None:
    """Cancels some tasks and executes others by id, whatever has become of them."""
    for _ in range(60):
        task_id = f"{chance.randrange(TASKS)}"
        cancel = partial(manager.cancel_task, task_id)
        execute = partial(manager.execute_task, task_id, timeout_us=10_000)
        try:
            await persistently(cancel if chance.random() < 0.5 else execute)
        except (TaskNotFound, TaskAlreadyStarted, TaskCompleted, TaskCancelled, TaskTimeout):
            await asyncio.sleep(0)


async def read_every_result(manager: TaskManager) -> list[str]:
    """Reads as a client does that begins again with its last cursor after every fault."""
    after = "0"
    found: list[str] = []
    while len(found) < TASKS:
        reader = await persistently(partial(manager.open_reader, ReadRequest(after=after, follow=True)))
        try:
            while len(found) < TASKS:
                for frame in await reader.read():
                    after = str(frame.cursor)
                    if isinstance(frame, ResultFrame):
                        found.append(frame.task.id)
        except StoreUnavailable:
            continue
        finally:
            reader.close()
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_every_task_ends_once_whatever_the_store_does(seed: int) -> None:
    attempts, script, chance = Attempts(seed), RandomScript(seed), random.Random(seed)

    async with running_manager(seed, attempts, script) as manager, asyncio.timeout(PATIENCE_S):
        reading = asyncio.create_task(read_every_result(manager))
        await asyncio.gather(register_all(manager, chance), disturb(manager, random.Random(seed)))
        waited = await persistently(partial(manager.wait, EVERYTHING))
        results = await reading
        script.is_healthy = True
        page = await manager.get_results(EVERYTHING, limit=2 * TASKS)

    logged = [frame.task for frame in page.results]
    assert script.faults > 20
    assert waited.done
    assert Counter(task.id for task in logged) == Counter(f"{number}" for number in range(TASKS))
    assert {task.status for task in logged} <= FINAL
    assert results == [task.id for task in logged]
    assert attempts.overlapping == []
    assert attempts.count >= sum(task.status is TaskStatus.COMPLETED for task in logged)
    assert not manager.readiness.broken.is_set()
