"""Builds the parts of an engine and connects them; the order is the one in which they need each other."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from millhand_server.core.execution import Isolation
from millhand_server.core.ports import Clock, Executor, Observer, Retention, TaskStore
from millhand_server.core.task import Owner, Task
from millhand_server.engine.acceptance import Acceptance
from millhand_server.engine.arrivals import Arrivals
from millhand_server.engine.attempts import LiveAttempts
from millhand_server.engine.cancelling import Cancelling
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.closing import Closing
from millhand_server.engine.dispatcher import Dispatcher
from millhand_server.engine.explaining import Explaining
from millhand_server.engine.limiter import TokenBucket
from millhand_server.engine.measuring import Measuring
from millhand_server.engine.observing import Observing
from millhand_server.engine.options import ManagerOptions
from millhand_server.engine.pool import Pool
from millhand_server.engine.presenting import Presenting
from millhand_server.engine.recovery import Recovery
from millhand_server.engine.results import Results
from millhand_server.engine.settler import Settler
from millhand_server.engine.shared import Shared
from millhand_server.engine.tail import LogTail
from millhand_server.engine.upkeep import Expiry, Pruning
from millhand_server.engine.waiting import Waiting
from millhand_server.engine.watchdog import Watchdog


@dataclass(frozen=True, slots=True)
class Given:
    """What an engine is made of."""

    store: TaskStore
    executors: Sequence[Executor]
    catalogue: Catalogue
    clock: Clock
    options: ManagerOptions
    retention: Retention
    node: str
    random_source: random.Random
    observers: Sequence[Observer]
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Engine:
    """The connected parts."""

    shared: Shared
    recovery: Recovery
    settler: Settler
    dispatcher: Dispatcher
    watchdog: Watchdog
    expiry: Expiry
    pruning: Pruning
    acceptance: Acceptance
    cancelling: Cancelling
    presenting: Presenting
    results: Results
    waiting: Waiting
    explaining: Explaining
    measuring: Measuring
    closing: Closing

    def loops(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Returns what runs for as long as the engine does, by name."""
        return {
            "tail": self.shared.tail.run(),
            "settler": self.settler.run(),
            "dispatcher": self.dispatcher.run(),
            "watchdog": self.watchdog.run(),
            "expiry": self.expiry.run(),
            "pruning": self.pruning.run(),
        }


def assemble(given: Given, *, epoch: str) -> Engine:
    """Returns an engine on an opened store whose log has this epoch."""
    shared = _shared(given)
    pools = _pools(given)
    settler = Settler(shared, given.random_source)
    owner = Owner(given.node, secrets.randbits(62))
    dispatcher = Dispatcher(shared, list(pools.values()), owner)
    watchdog = Watchdog(shared, dispatcher, settler)
    expiry = Expiry(shared)

    def offer(tasks: Sequence[Task]) -> None:
        dispatcher.offer(tasks)
        expiry.offer(tasks)

    def look_again() -> None:
        dispatcher.look_again()
        expiry.look_again()

    settler.on_freed = dispatcher.freed
    settler.on_started = watchdog.watch
    settler.on_waiting = offer
    dispatcher.on_granted = watchdog.granted
    dispatcher.on_refused = settler.take
    acceptance = Acceptance(shared, given.new_id, on_accepted=offer, on_unsettled=look_again)
    presenting = Presenting(shared, dispatcher)
    cancelling = Cancelling(shared, watchdog, presenting)
    return Engine(
        shared=shared,
        recovery=Recovery(shared, owner),
        settler=settler,
        dispatcher=dispatcher,
        watchdog=watchdog,
        expiry=expiry,
        pruning=Pruning(shared, given.retention),
        acceptance=acceptance,
        cancelling=cancelling,
        presenting=presenting,
        results=Results(shared, epoch),
        waiting=Waiting(shared, acceptance, cancelling, presenting, on_waiting=offer),
        explaining=Explaining(shared, dispatcher, pools),
        measuring=Measuring(shared, dispatcher, settler, presenting),
        closing=Closing(shared, given.executors, dispatcher, watchdog, settler),
    )


def _shared(given: Given) -> Shared:
    return Shared(
        node=given.node,
        store=given.store,
        catalogue=given.catalogue,
        clock=given.clock,
        options=given.options,
        arrivals=Arrivals(given.clock),
        live=LiveAttempts(),
        tail=LogTail(given.store, given.clock),
        limiter=TokenBucket(given.options.tasks_per_second, given.clock),
        observing=Observing(given.observers),
    )


def _pools(given: Given) -> dict[Isolation, Pool]:
    options = given.options
    most = options.max_workers if options.max_tasks is None else options.max_tasks
    return {
        executor.isolation: Pool(
            executor,
            workers=options.max_workers if executor.isolation is Isolation.THREAD else most,
            claim_ahead_us=options.claim_ahead_us,
        )
        for executor in given.executors
    }
