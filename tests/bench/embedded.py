"""A process that embeds Millhand, and a bare thread pool beside: `python -m tests.bench.embedded`."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import uvloop
from tests.bench.commands import obey
from tests.bench.load.specs import Specs
from tests.bench.load.window import Window, WrongResults, check_once, percentiles

from millhand.v1 import task_pb2
from millhand_server.app import App, serving
from millhand_server.config.options import ListenOptions, ServeOptions
from millhand_server.core.ports import Inserted
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Task, TaskSpec
from millhand_server.engine.options import Limits, ManagerOptions
from millhand_server.rpc.convert_task import task_spec

_THREADS = 4
_BATCH = 1_000
_MAX_QUEUED = 2_000_000


class Embedded:
    """What the process can be told to do. `manager` and `pool` do the same work with the same calls."""

    def __init__(self, app: App, pool: ThreadPoolExecutor) -> None:
        self._manager = app.manager
        self._pool = pool

    async def manager(self, in_flight: int, seconds: float) -> dict[str, float]:
        """Executes tasks, as many callers at once as said."""
        specs: list[TaskSpec] = []
        tasks: list[Task] = []
        took: list[float] = []
        ahead = _specs(Specs(), int(20_000 * seconds) + in_flight)
        window = Window(os.getpid())

        async def one_caller() -> None:
            while ahead and (began := time.perf_counter()) < window.began + seconds:
                specs.append(spec := ahead.pop())
                tasks.append(await self._manager.execute_task(spec))
                took.append(time.perf_counter() - began)

        await asyncio.gather(*(one_caller() for _ in range(in_flight)))
        measured = _closed(window, took)
        check_once([spec.id for spec in specs], [task.id for task in tasks])
        if any(task.status is not TaskStatus.COMPLETED for task in tasks):
            raise WrongResults("a task did not complete")
        return measured

    async def pool(self, in_flight: int, seconds: float) -> dict[str, float]:
        """Submits to the pool, with as many futures open as said, and takes results in order."""
        opened: deque[tuple[float, Future[int]]] = deque()
        results: list[int] = []
        took: list[float] = []
        window = Window(os.getpid())
        submitted = 0
        while (began := time.perf_counter()) < window.began + seconds or opened:
            if began < window.began + seconds and len(opened) < in_flight:
                opened.append((began, self._pool.submit(_echo, submitted)))
                submitted += 1
            else:
                since, future = opened.popleft()
                results.append(future.result())
                took.append(time.perf_counter() - since)
        measured = _closed(window, took)
        if results != list(range(submitted)):
            raise WrongResults("the pool lost a result")
        return measured

    async def queue(self, number: int) -> None:
        """Registers tasks that nobody runs."""
        await self._manager.start_workers(0)
        specs = Specs()
        for begin in range(0, number, _BATCH):
            answers = await self._manager.register_tasks(_specs(specs, min(_BATCH, number - begin)))
            if not all(isinstance(answer, Inserted) for answer in answers):
                raise WrongResults("a task was refused")


async def main() -> None:
    """Obeys until standard input ends."""
    limits = Limits(max_queued=_MAX_QUEUED)
    options = ServeOptions(
        node="bench",
        listen=ListenOptions(port=0),
        manager=ManagerOptions(max_workers=_THREADS, limits=limits),
    )
    async with serving(options) as app:
        with ThreadPoolExecutor(_THREADS) as pool:
            embedded = Embedded(app, pool)
            await obey({"manager": embedded.manager, "pool": embedded.pool, "queue": embedded.queue})


def _specs(specs: Specs, number: int) -> list[TaskSpec]:
    """Returns tasks as a server makes them of what comes over the wire."""
    return [task_spec(task_pb2.TaskSpec.FromString(spec)) for spec in specs.take(number)[1]]


def _echo(value: int) -> int:
    return value


def _closed(window: Window, took: list[float]) -> dict[str, float]:
    measured = window.close(len(took)) | percentiles(took)
    # There is no client beside it.
    return {name: value for name, value in measured.items() if name not in ("client_cores", "all_us")}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
