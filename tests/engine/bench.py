"""A manager on a bench: memory behind a faulty store, a fake clock, and executors that a test drives."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from tests.fakes.codec import JsonCodec
from tests.fakes.store import FaultyStore, Script

from millhand.kit import Handlers
from millhand_server.core.execution import Failed, Isolation, Outcome, Succeeded
from millhand_server.core.ports import Observer, Retention
from millhand_server.core.query import EVERYTHING
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import AttemptKey, RetryPolicy, Task, TaskSpec
from millhand_server.engine.answers import ResultFrame, StreamFrame
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.manager import TaskManager
from millhand_server.engine.options import Limits, ManagerOptions
from millhand_server.engine.reading import ReadRequest, ResultReader
from millhand_server.store.memory import MemoryStore
from millhand_server.testing.clock import FakeClock
from millhand_server.testing.executor import PATIENCE_S, HandDrivenExecutor
from millhand_server.testing.stepping import SteppedManager

T = TypeVar("T")

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


class Bench(SteppedManager[HandDrivenExecutor]):
    """One manager and all that a test moves it with."""

    def __init__(
        self,
        options: ManagerOptions,
        *,
        retention: Retention | None = None,
        make_executor: Callable[[FakeClock], HandDrivenExecutor] = HandDrivenExecutor,
        catalogue: Catalogue | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        clock = FakeClock()
        self.script = Script()
        self.memory = MemoryStore(clock, retention)
        self.store = FaultyStore(self.memory, self.script)
        threads, loops = make_executor(clock), HandDrivenExecutor(clock, Isolation.ASYNC)
        self.options = options
        manager = TaskManager(
            store=self.store,
            executors=(threads, loops),
            catalogue=catalogue or Catalogue(handlers(), options, JsonCodec()),
            clock=clock,
            options=options,
            retention=retention,
            node="node-1",
            random_source=random.Random(SEED),
            observers=observers,
        )
        super().__init__(manager, clock, threads, loops)
        self._readers: list[ResultReader] = []

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

    async def run(self, task_id: str, outcome: Outcome | None = None) -> Task:
        """Lets a granted task begin and end."""
        await self.begin(task_id)
        return await self.end(task_id, outcome)

    async def start(self, task_id: str, **fields: Any) -> AttemptKey:
        """Registers a task and lets its code begin."""
        await self.put(task_id, **fields)
        return await self.begin(task_id)

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

    async def tear_down(self) -> None:
        self.script.heal()
        await self.close()
        for reader in self._readers:
            reader.close()
        await self.end_spawned()


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
