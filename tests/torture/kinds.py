"""The kinds of tasks of a run: how they are drawn, what is sent of them, and how they may end."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.torture.histories import Plan

from millhand import task_spec
from millhand.v1 import task_pb2

#: Why tasks fail that are to fail.
DOOMED = "DOOMED"

#: The longest task, in seconds.
LONGEST_S = 3.0

QUEUES = ("default", "mail", "reports")
_PRIORITIES = (-10, 0, 0, 10)

_ENDS = {"doomed": "FAILED", "overrun": "CONTEXT_DEADLINE_REACHED"}

_RETRY_DELAY_S = 0.2

Details = dict[str, Any]


def draw(chance: random.Random, name: str) -> Plan:
    """Draws a task, of the kinds that there are in the shares that they have."""
    [kind] = chance.choices([*_KINDS], [share for share, _ in _KINDS.values()])
    details = _KINDS[kind][1](chance)
    return Plan(
        name=name, kind=kind, queue=chance.choice(QUEUES), priority=chance.choice(_PRIORITIES), **details
    )


def spec_of(plan: Plan) -> task_pb2.TaskSpec:
    """Returns what is sent; the same for every time that a plan is sent."""
    options: Details = {"idempotency_key" if plan.keyed else "id": plan.name}
    if plan.delay:
        options["delay"] = plan.delay
    if plan.timeout:
        options["attempt_timeout"] = plan.timeout
    if plan.run_at:
        options["run_at"] = datetime.fromtimestamp(plan.run_at, UTC)
    return task_spec(
        plan.handler,
        plan.payload or None,
        queue=plan.queue,
        priority=plan.priority,
        retries=plan.retries,
        retry_delay=_RETRY_DELAY_S,
        **options,
    )


def ends_of(plan: Plan) -> set[str]:
    """Returns the statuses that a task may end in if nobody cancels it."""
    return {_ENDS.get(plan.kind, "COMPLETED")}


def _quick(chance: random.Random) -> Details:
    return {"handler": chance.choice(("quick", "quick_async")), "payload": {}}


def _keyed(chance: random.Random) -> Details:
    return _quick(chance) | {"keyed": True}


def _long(chance: random.Random) -> Details:
    # Most are short enough to end between two kills.
    seconds = round(LONGEST_S * chance.random() ** 2, 3)
    return {"handler": chance.choice(("long", "long_async")), "payload": {"seconds": seconds}}


def _flaky(chance: random.Random) -> Details:
    failures = chance.randint(1, 2)
    return {"handler": "flaky", "payload": {"failures": failures}, "retries": failures}


def _doomed(chance: random.Random) -> Details:
    return {"handler": "doomed", "payload": {}, "retries": chance.randint(0, 2)}


def _overrun(chance: random.Random) -> Details:
    # Deaf to the timeout, it returns all the same, and too late.
    late_s = round(chance.uniform(0.1, 0.5), 3)
    return {"handler": "deaf", "payload": {"seconds": 0.2 + late_s}, "timeout": 0.2}


def _scheduled(chance: random.Random) -> Details:
    wait_s = round(chance.uniform(0.1, 4), 3)
    due = {"delay": wait_s} if chance.random() < 0.5 else {"run_at": round(time.time() + wait_s, 3)}
    return _quick(chance) | due


def _cancelled(chance: random.Random) -> Details:
    return chance.choice((_quick, _tidy, _scheduled))(chance)


def _tidy(chance: random.Random) -> Details:
    # Told to stop, it takes a while over it, in which its server may be killed.
    payload = {"seconds": LONGEST_S, "tidying": round(chance.random(), 3)}
    return {"handler": "long", "payload": payload}


#: The share of each kind, and what it is made of.
_KINDS: dict[str, tuple[float, Callable[[random.Random], Details]]] = {
    "quick": (61, _quick),
    "keyed": (8, _keyed),
    "long": (2, _long),
    "flaky": (8, _flaky),
    "doomed": (4, _doomed),
    "overrun": (1, _overrun),
    "scheduled": (8, _scheduled),
    "cancelled": (8, _cancelled),
}
