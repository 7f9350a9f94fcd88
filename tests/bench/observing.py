"""What observers cost: the engine's CPU for a task without them, with the log, and with the counts too.

The three take turns, a few batches each, so that a slow moment of the machine falls on all of them.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time

from millhand.kit import Handlers
from millhand_server.core.ports import Inserted, Observer, Retention
from millhand_server.core.query import TaskFilter
from millhand_server.core.task import TaskSpec
from millhand_server.engine.answers import CloseMode
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.clock import SystemClock
from millhand_server.engine.executors.aio import AsyncExecutor
from millhand_server.engine.executors.thread import ThreadExecutor
from millhand_server.engine.manager import TaskManager
from millhand_server.engine.observing_counts import TaskCounts
from millhand_server.engine.observing_log import TransitionLog
from millhand_server.engine.options import ManagerOptions
from millhand_server.rpc.codec import ProtoCodec
from millhand_server.store.memory import MemoryStore

_TURNS = 250
_BATCHES = 4
_TASKS = 100

#: The seed of the order of turns.
_SEED = 7


async def main() -> None:
    """Prints the median cost of each audience, and of its difference to none."""
    audiences: dict[str, tuple[Observer, ...]] = {
        "nobody": (),
        "the log": (TransitionLog(),),
        "log and counts": (TransitionLog(), TaskCounts()),
    }
    managers = {name: _manager(observers) for name, observers in audiences.items()}
    for manager in managers.values():
        await manager.start()
        await _turn(manager)
    chance = random.Random(_SEED)
    took: dict[str, list[float]] = {name: [] for name in managers}
    for _ in range(_TURNS):
        for name in chance.sample(list(managers), len(managers)):
            took[name].append(await _turn(managers[name]))
    for name, costs in took.items():
        more = [with_it - without for with_it, without in zip(costs, took["nobody"], strict=True)]
        print(f"{name:15} {statistics.median(costs):6.1f} us a task, {statistics.median(more):+5.2f}")  # noqa: T201
    for manager in managers.values():
        await manager.close(CloseMode.NOW)


async def _turn(manager: TaskManager) -> float:
    """Runs some batches, and returns the CPU that one task took, in microseconds."""
    began = time.process_time()
    for _ in range(_BATCHES):
        answers = await manager.register_tasks([TaskSpec(handler="echo") for _ in range(_TASKS)])
        ids = frozenset(answer.task.id for answer in answers if isinstance(answer, Inserted))
        await manager.wait(TaskFilter(ids=ids))
    return (time.process_time() - began) / (_BATCHES * _TASKS) * 1e6


def _manager(observers: tuple[Observer, ...]) -> TaskManager:
    handlers = Handlers()

    @handlers.handler("echo")
    def echo(request: object) -> object:
        return request

    clock, codec, options = SystemClock(), ProtoCodec(), ManagerOptions(max_workers=4)
    catalogue = Catalogue(handlers, options, codec)
    retention = Retention(count=10_000)
    return TaskManager(
        store=MemoryStore(clock, retention),
        executors=[ThreadExecutor(catalogue, codec, clock), AsyncExecutor(catalogue, codec, clock)],
        catalogue=catalogue,
        clock=clock,
        options=options,
        retention=retention,
        observers=observers,
    )


if __name__ == "__main__":
    asyncio.run(main())
