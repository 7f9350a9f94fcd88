"""A manager on a bench: memory behind a faulty store, a fake clock, and executors that a test drives."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from tests.fakes.clock import FakeClock
from tests.fakes.codec import JsonCodec
from tests.fakes.executor import HandDrivenExecutor
from tests.fakes.store import FaultyStore, Script

from millhand.kit import Handlers
from millhand_server.core.execution import Failed, Isolation, Outcome, Succeeded
from millhand_server.core.ports import Retention
from millhand_server.core.query import EVERYTHING
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import AttemptKey, RetryPolicy, Task, TaskSpec
from millhand_server.engine.answers import CloseMode, Drained, ResultFrame, StreamFrame
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.manager import TaskManager
from millhand_server.engine.options import Limits, ManagerOptions
from millhand_server.engine.reading import ReadRequest, ResultReader
from millhand_server.store.memory import MemoryStore

T = TypeVar("T")

#: What does not come within this many real seconds will not come.
PATIENCE_S = 5.0

#: How often the loop goes round before the engine counts as having done all that it can do now.
_TURNS = 60

SEED = 7

FAILED = Failed("HANDLER_FAILED", "ValueError")

#: Delays between attempts that a test can count on: 1, 2, 4 ... seconds.
STEADY = RetryPolicy(jitter=0.0)


def handlers() -> Handlers:
    """Returns the handlers of the bench. Their code runs only where a test brings real executors."""
    found = Handlers()

    @found.handler("work")
    def work() -> None:
        """A plain handler."""

    @found.handler("other")
    def other() -> None:
        """A second plain handler: another lane."""

    @found.handler("mailer", queue="mail", priority=5)
    def mailer() -> None:
        """A handler with a queue and a priority of its own."""

    @found.handler("loop")
    async def loop() -> None:
        """An async handler: another executor."""

    return found


def spec(task_id: str = "", handler: str = "work", **fields: Any) -> TaskSpec:
    """Returns a specification for `work`, with retry delays without jitter, unless told otherwise."""
    fields.setdefault("retry_policy", STEADY)
    return TaskSpec(id=task_id, handler=handler, **fields)


class Bench:
    """One manager and all that a test moves it with."""

    def __init__(
        self,
        options: ManagerOptions,
        *,
        retention: Retention | None = None,
        make_executor: Callable[[FakeClock], HandDrivenExecutor] = HandDrivenExecutor,
        catalogue: Catalogue | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.script = Script()
        self.memory = MemoryStore(self.clock, retention)
        self.store = FaultyStore(self.memory, self.script)
        self.threads = make_executor(self.clock)
        self.loops = HandDrivenExecutor(self.clock, Isolation.ASYNC)
        self.options = options
        self.manager = TaskManager(
            store=self.store,
            executors=(self.threads, self.loops),
            catalogue=catalogue or Catalogue(handlers(), options, JsonCodec()),
            clock=self.clock,
            options=options,
            retention=retention,
            node="node-1",
            random_source=random.Random(SEED),
        )
        self._spawned: list[asyncio.Task[Any]] = []
        self._readers: list[ResultReader] = []

    async def settle(self) -> None:
        """Lets the engine do all that it can do at this instant."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def pass_time(self, seconds: float, *, step: float | None = None) -> None:
        """Moves the clock on, in steps if what happens on the way sets further alarms."""
        await self.settle()
        left = seconds
        while left > 1e-9:
            self.clock.advance(min(step or seconds, left))
            left -= step or seconds
            await self.settle()

    def spawn(self, call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Starts a call beside the test; it is cancelled with the bench."""
        task = asyncio.create_task(call)
        self._spawned.append(task)
        return task

    async def register(self, *specs: TaskSpec) -> list[Task]:
        """Registers tasks one by one, and lets the engine take note of them."""
        tasks = [(await self.manager.register_task(one)).task for one in specs]
        await self.settle()
        return tasks

    async def put(self, *ids: str, **fields: Any) -> None:
        """Registers tasks that differ in their ids only."""
        await self.register(*(spec(task_id, **fields) for task_id in ids))

    @property
    def granted(self) -> list[str]:
        """The ids granted to the threads so far, in order."""
        return [grant.key.task_id for grant in self.threads.grants]

    def key(self, task_id: str, executor: HandDrivenExecutor | None = None) -> AttemptKey:
        """Returns the key of the task's newest grant."""
        keys = [grant.key for grant in (executor or self.threads).grants if grant.key.task_id == task_id]
        assert keys, f"{task_id} was not granted"
        return keys[-1]

    async def begin(self, task_id: str) -> AttemptKey:
        """Lets the code of a granted task begin."""
        await self.settle()
        key = self.key(task_id)
        self.threads.begin(key)
        await self.settle()
        return key

    async def end(self, task_id: str, outcome: Outcome | None = None) -> Task:
        """Lets the code of a running task end, and returns the task as it is then."""
        self.threads.finish(self.key(task_id), outcome)
        await self.settle()
        return await self.task(task_id)

    async def run(self, task_id: str, outcome: Outcome | None = None) -> Task:
        """Lets a granted task begin and end."""
        await self.begin(task_id)
        return await self.end(task_id, outcome)

    async def start(self, task_id: str, **fields: Any) -> AttemptKey:
        """Registers a task and lets its code begin."""
        await self.put(task_id, **fields)
        return await self.begin(task_id)

    async def task(self, task_id: str) -> Task:
        return await self.manager.get_task(task_id)

    async def status(self, task_id: str) -> TaskStatus:
        return (await self.task(task_id)).status

    async def statuses(self, *ids: str) -> list[TaskStatus]:
        return [await self.status(task_id) for task_id in ids]

    async def results(self) -> list[str]:
        """Returns the ids in the log, in its order."""
        page = await self.memory.read_log(0, EVERYTHING, limit=100_000, max_bytes=2**40)
        return [task.id for task in page.tasks]

    async def reader(self, request: ReadRequest | None = None, **fields: Any) -> ResultReader:
        reader = await self.manager.open_reader(request or ReadRequest(**fields))
        self._readers.append(reader)
        return reader

    async def close(self, mode: CloseMode = CloseMode.NOW) -> Drained:
        """Closes the manager, passing the time that it waits for code that does not end."""
        closing = asyncio.create_task(self.manager.close(mode))
        for _ in range(60):
            await self.settle()
            if closing.done():
                break
            self.clock.advance(1)
        return await soon(closing)

    async def tear_down(self) -> None:
        self.script.heal()
        await self.close()
        for reader in self._readers:
            reader.close()
        for task in self._spawned:
            task.cancel()
        await asyncio.gather(*self._spawned, return_exceptions=True)


async def soon(awaited: Awaitable[T]) -> T:
    """Awaits what must come without the clock being moved."""
    return await asyncio.wait_for(awaited, PATIENCE_S)


async def read_all(reader: ResultReader, *, until: Callable[[list[StreamFrame]], bool]) -> list[StreamFrame]:
    """Reads frames until there are enough of them."""
    frames: list[StreamFrame] = []
    while not until(frames):
        frames += await soon(reader.read())
    return frames


async def read_results(reader: ResultReader, count: int) -> list[str]:
    """Reads until so many results have come, and returns their ids."""
    frames = await read_all(reader, until=lambda frames: len(ids_of(frames)) >= count)
    return ids_of(frames)


def ids_of(frames: Sequence[StreamFrame]) -> list[str]:
    return [frame.task.id for frame in frames if isinstance(frame, ResultFrame)]


def kinds_of(frames: Sequence[StreamFrame]) -> list[str]:
    """Returns the kinds of frames, as words: result, progress, gap, keep alive, end."""
    return [_KINDS[type(frame).__name__] for frame in frames]


_KINDS = {
    "ResultFrame": "result",
    "ProgressFrame": "progress",
    "GapFrame": "gap",
    "KeepAliveFrame": "keep alive",
    "EndFrame": "end",
}


def options(*, max_queued: int = 100_000, **fields: Any) -> ManagerOptions:
    """Returns the options of the bench: one worker, three retries, the first after a second."""
    fields.setdefault("max_workers", 1)
    return ManagerOptions(limits=Limits(max_queued=max_queued), **fields)


def succeeded(output: bytes = b"") -> Succeeded:
    return Succeeded(output)
