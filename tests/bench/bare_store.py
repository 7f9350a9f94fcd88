"""A process that has the SQLite store open, and nothing above it: `python -m tests.bench.bare_store PATH`."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.commands import obey
from tests.bench.load.specs import Specs
from tests.bench.load.window import WrongResults, percentiles

from millhand.v1 import task_pb2
from millhand_server.core.ports import Inserted, Want
from millhand_server.core.task import DEFAULT_QUEUE, Attempt, Lane, NewTask, Owner, Task
from millhand_server.core.transition import NOTHING_REPORTED, Transition, completed
from millhand_server.engine.clock import SystemClock
from millhand_server.rpc.convert_task import task_spec
from millhand_server.store.sqlite import SqliteOptions, SqliteStore

_BATCH = 1_000

#: Tasks that are made before the clock starts, for each second of a window.
_AHEAD = 60_000

_HANDLER = "echo"
_WANTS = (Want((Lane(DEFAULT_QUEUE, "", _HANDLER),), 1_000),)
_OWNER = Owner("bench", 1)


class BareStore:
    """What the process can be told to do."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._specs = Specs()
        self._calls = 0

    async def fill(self, number: int, priority: int, handler: str = _HANDLER, delay_s: int = 0) -> None:
        """Inserts tasks that wait; with `delay_s` they are scheduled."""
        for begin in range(0, number, _BATCH):
            await self._insert(self._new(min(_BATCH, number - begin), priority, handler, delay_s))

    async def claim(self, priority: int, seconds: float) -> dict[str, float]:
        """Claims one task after the other of those that can run; after the window it makes up for them."""
        took: list[float] = []
        claimed: set[str] = set()
        start = time.perf_counter()
        while (began := time.perf_counter()) < start + seconds:
            tasks = (await self._store.claim(_WANTS, limit=1, owner=_OWNER)).tasks
            took.append(time.perf_counter() - began)
            claimed.update(task.id for task in tasks)
        measured = {"rate": len(took) / (time.perf_counter() - start)} | percentiles(took)
        if len(claimed) != len(took):
            raise WrongResults(f"{len(took)} claims gave {len(claimed)} tasks")
        await self.fill(len(took), priority)
        return measured

    async def cycle(self, size: int, seconds: float) -> dict[str, float]:
        """Claims tasks, ends them and inserts as many, `size` of them a verb: the queue stays as long."""
        ahead = [self._new(size, 0) for _ in range(int(seconds * _AHEAD) // size)]
        took: list[float] = []
        start = time.perf_counter()
        while ahead and (began := time.perf_counter()) < start + seconds:
            tasks = (await self._store.claim(_WANTS, limit=size, owner=_OWNER)).tasks
            applied = await self._store.apply([_end(task) for task in tasks])
            if len(tasks) != size or not all(one.changed for one in applied):
                raise WrongResults("a task was not claimed, or did not end")
            await self._insert(ahead.pop())
            took.append(time.perf_counter() - began)
        return {"rate": size * len(took) / (time.perf_counter() - start)} | percentiles(took)

    async def _insert(self, tasks: Sequence[NewTask]) -> None:
        answers = await self._store.insert(tasks, atomic=False, max_waiting=0)
        if not all(isinstance(answer, Inserted) and answer.created for answer in answers):
            raise WrongResults("a task was refused")

    def _new(
        self, number: int, priority: int, handler: str = _HANDLER, delay_s: int = 0
    ) -> Sequence[NewTask]:
        """Makes the tasks of one call."""
        _, specs = self._specs.take(number)
        self._calls += 1
        return [self._new_task(spec, priority, handler, delay_s) for spec in specs]

    def _new_task(self, spec: bytes, priority: int, handler: str, delay_s: int) -> NewTask:
        message = task_pb2.TaskSpec.FromString(spec)
        message.handler = handler
        message.priority = priority
        if delay_s:
            message.delay.seconds = delay_s
        return NewTask(
            spec=task_spec(message),
            queue=DEFAULT_QUEUE,
            priority=priority,
            start_timeout_us=None,
            principal="",
            session_id="",
            token=self._calls,
        )


def _end(task: Task) -> Transition:
    """Ends a task well, after an attempt that took no time and returned its argument."""
    due_us = task.due_us
    attempt = Attempt(task.attempt, node=_OWNER.node, worker="", start_us=due_us, end_us=due_us)
    return completed(task.key, attempt, task.spec.payload, NOTHING_REPORTED)


async def main(path: Path) -> None:
    """Obeys until standard input ends."""
    store = SqliteStore(SqliteOptions(path), SystemClock())
    await store.open()
    try:
        bare = BareStore(store)
        await obey({"fill": bare.fill, "claim": bare.claim, "cycle": bare.cycle})
    finally:
        await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
