"""A process that has the SQLite store open and claims from it: `python -m tests.bench.claims PATH`."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from tests.bench.commands import obey
from tests.bench.load.specs import Specs
from tests.bench.load.window import WrongResults, percentiles

from millhand.v1 import task_pb2
from millhand_server.core.ports import Inserted, Want
from millhand_server.core.task import DEFAULT_QUEUE, Lane, NewTask, Owner
from millhand_server.engine.clock import SystemClock
from millhand_server.rpc.convert_task import task_spec
from millhand_server.store.sqlite import SqliteOptions, SqliteStore

_BATCH = 1_000
_HANDLER = "echo"
_WANTS = (Want((Lane(DEFAULT_QUEUE, "", _HANDLER),), 1),)
_OWNER = Owner("bench", 1)


class Claims:
    """What the process can be told to do."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._specs = Specs()
        self._numbers = 0

    async def fill(self, number: int, priority: int, handler: str = _HANDLER, delay_s: int = 0) -> None:
        """Inserts tasks that wait; with `delay_s` they are scheduled."""
        for begin in range(0, number, _BATCH):
            _, specs = self._specs.take(min(_BATCH, number - begin))
            tasks = [self._new(spec, priority, handler, delay_s) for spec in specs]
            answers = await self._store.insert(tasks, atomic=False, max_waiting=0)
            if not all(isinstance(answer, Inserted) and answer.created for answer in answers):
                raise WrongResults("a task was refused")

    async def claim(self, seconds: float) -> dict[str, float]:
        """Claims one task after the other of those that can run."""
        took: list[float] = []
        claimed: set[str] = set()
        start = time.perf_counter()
        while (began := time.perf_counter()) < start + seconds:
            [task] = (await self._store.claim(_WANTS, limit=1, owner=_OWNER)).tasks
            took.append(time.perf_counter() - began)
            claimed.add(task.id)
        if len(claimed) != len(took):
            raise WrongResults("a task was claimed twice")
        return {"rate": len(took) / (time.perf_counter() - start)} | percentiles(took)

    def _new(self, spec: bytes, priority: int, handler: str, delay_s: int) -> NewTask:
        message = task_pb2.TaskSpec.FromString(spec)
        message.handler = handler
        message.priority = priority
        if delay_s:
            message.delay.seconds = delay_s
        self._numbers += 1
        return NewTask(
            spec=task_spec(message),
            queue=DEFAULT_QUEUE,
            priority=priority,
            start_timeout_us=None,
            principal="",
            session_id="",
            token=self._numbers,
        )


async def main(path: Path) -> None:
    """Obeys until standard input ends."""
    store = SqliteStore(SqliteOptions(path), SystemClock())
    await store.open()
    try:
        claims = Claims(store)
        await obey({"fill": claims.fill, "claim": claims.claim})
    finally:
        await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
