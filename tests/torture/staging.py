"""Histories made by hand, for the tests of the checker: a short run in which all is well, to be spoilt."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from tests.torture.histories import (
    Acknowledged,
    Act,
    AnyEvent,
    Asked,
    CancelAnswered,
    CancelAsked,
    Died,
    Ended,
    Ending,
    Finished,
    Kept,
    Logged,
    Plan,
    Read,
    Ready,
    Settled,
    Spawned,
    Started,
)

FIRST, SECOND = 101, 102

#: The wall clock's reading at moment 0.
WALL = 1_000_000.0

_EPOCH = "0123456789abcdef"


class Run:
    """Two lives of a server: it serves from 1 s on, is killed at 10 s, serves again from 12 s on.

    The tasks are `first` and `second`, one in each life, and `killed`, which has an attempt in both;
    `doomed`, which fails; `cancelled`, which is cancelled while it waits; and `told`, while it runs.
    """

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self._position = 0
        self._lives()
        self.task("first", 2.0)
        self.task("doomed", 3.0, kind="doomed", status="FAILED", reason="DOOMED")
        self.task("cancelled", 4.0, kind="cancelled", status="CANCELLED", cancel="DEQUEUED")
        self.task("told", 5.0, kind="cancelled", status="CANCELLED", cancel="SIGNALLED")
        self.task("killed", 9.5, again=12.5)
        self.task("second", 13.0, pid=SECOND)
        self.add(Finished(at=20.0, stream="session-0.1"), Settled(at=20.0, seconds=1.0, is_quiet=True))

    def add(self, *events: AnyEvent) -> None:
        self.events += events

    def drop(self, kind: type[AnyEvent], when: Callable[[Any], bool] = lambda _: True) -> None:
        self.events = [event for event in self.events if not (isinstance(event, kind) and when(event))]

    def change(self, kind: type[AnyEvent], when: Callable[[Any], bool], **changes: Any) -> None:
        self.events = [
            msgspec.structs.replace(event, **changes) if isinstance(event, kind) and when(event) else event
            for event in self.events
        ]

    def change_ending(self, name: str, **changes: Any) -> None:
        """Changes how a task ended, wherever that is told."""
        for kind in (Read, Logged):
            for event in [one for one in self.events if isinstance(one, kind) and one.ending.name == name]:
                ending = msgspec.structs.replace(event.ending, **changes)
                self.change(kind, partial(operator.is_, event), ending=ending)
        if "status" in changes:
            self.change(Kept, lambda kept: kept.name == name, status=changes["status"])

    def task(
        self,
        name: str,
        at: float,
        *,
        kind: str = "quick",
        pid: int = FIRST,
        status: str = "COMPLETED",
        reason: str = "",
        cancel: str = "",
        again: float | None = None,
        queue: str = "default",
        priority: int = 0,
        wait_s: float = 0.02,
    ) -> None:
        """Has a task registered by the session at a moment, run, and end.

        With `again` its server is killed meanwhile, and the attempt at that moment of the second life counts.
        """
        plan = Plan(
            name=f"session-0.1-{name}", kind=kind, handler=kind, payload={}, queue=queue, priority=priority
        )
        self.add(
            Asked(at=at, plan=plan),
            Acknowledged(at=at + 0.01, name=plan.name, id=f"id-{name}", due=WALL + at, created=True),
        )
        began = at + wait_s
        if cancel:
            self._cancel(name, cancel, at + wait_s)
        if cancel != "DEQUEUED":
            how = {"COMPLETED": "returned", "FAILED": "failed", "CANCELLED": "stopped"}[status]
            self._attempt(name, 1, pid, began, "" if again is not None else how)
        if again is not None:
            began = again
            self._attempt(name, 2, SECOND, began, "returned")
        self._end(plan.name, name, status, reason, began if status != "CANCELLED" else None)

    def _lives(self) -> None:
        self.add(
            Spawned(at=0.0, pid=FIRST),
            Ready(at=1.0, pid=FIRST),
            Act(at=10.0, name="kill", pid=FIRST),
            Died(at=10.01, pid=FIRST, status=-9),
            Spawned(at=11.0, pid=SECOND),
            Ready(at=12.0, pid=SECOND),
            Act(at=30.0, name="end", pid=SECOND),
            Died(at=30.01, pid=SECOND, status=-9),
        )

    def _attempt(self, name: str, number: int, pid: int, began: float, how: str) -> None:
        self.add(Started(at=began, id=f"id-{name}", attempt=number, pid=pid, wall=WALL + began))
        if how:
            self.add(Ended(at=began + 0.01, id=f"id-{name}", pid=pid, began=began, how=how))

    def _cancel(self, name: str, outcome: str, at: float) -> None:
        self.add(
            CancelAsked(at=at + 0.001, id=f"id-{name}"),
            CancelAnswered(at=at + 0.005, id=f"id-{name}", outcome=outcome, attempt=1),
        )

    def _end(self, full_name: str, name: str, status: str, reason: str, began: float | None) -> None:
        self._position += 1
        ending = Ending(id=f"id-{name}", name=full_name, status=status, attempt=1, reason=reason, began=began)
        cursor = f"{_EPOCH}-{self._position}"
        self.add(
            Logged(at=20.0, cursor=cursor, ending=ending),
            Kept(at=20.0, id=ending.id, name=full_name, status=status),
        )
        streams = ["reader-0", "session-0.1"] + (["cancelled-0"] if status == "CANCELLED" else [])
        self.add(
            *(Read(at=14.0 + self._position, stream=one, cursor=cursor, ending=ending) for one in streams)
        )


def cursor(position: int, epoch: str = _EPOCH) -> str:
    """Returns a cursor as the server makes them."""
    return f"{epoch}-{position}"
