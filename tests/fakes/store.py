"""A store that a test makes slow, failing or unknowing, verb by verb."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from millhand_server.core.errors import StoreOutcomeUnknown, StoreUnavailable
from millhand_server.core.ports import (
    Applied,
    CancelMark,
    Claimed,
    Found,
    InsertResult,
    LaneHead,
    LogPage,
    Overdue,
    Pruned,
    Recovered,
    Retention,
    TaskStore,
    Want,
)
from millhand_server.core.query import Page, Seen, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import NewTask, Owner, Task
from millhand_server.core.transition import Transition

T = TypeVar("T")


class Well:
    """Passes one call on, to let a later one meet the fault."""


class Fail:
    """Raises StoreUnavailable; nothing was done."""


class Unknown:
    """Raises StoreOutcomeUnknown, after the call was done or instead of it."""

    def __init__(self, *, done: bool) -> None:
        self.done = done


class Slow:
    """Holds a call back until `release` is set: before it is done, or (`answer_late`) after.

    `entered` is set once a call waits.
    """

    def __init__(self, *, answer_late: bool = False) -> None:
        self.answer_late = answer_late
        self.entered = asyncio.Event()
        self.release = asyncio.Event()

    async def wait(self) -> None:
        self.entered.set()
        await self.release.wait()


Behaviour = Well | Fail | Unknown | Slow


class Script:
    """What the next calls meet, each verb for itself. A call that finds nothing in it goes well."""

    def __init__(self) -> None:
        self._upcoming: dict[str, deque[Behaviour]] = {}
        self._constant: dict[str, Behaviour] = {}

    def next(self, verb: str, *behaviours: Behaviour) -> None:
        """Adds behaviours for the next calls of a verb, one a call."""
        self._upcoming.setdefault(verb, deque()).extend(behaviours)

    def from_now_on(self, verb: str, behaviour: Behaviour) -> None:
        """Sets what every call of a verb meets when no behaviour is left for it, until `heal`."""
        self._constant[verb] = behaviour

    def heal(self) -> None:
        """Forgets all behaviours that are still to come."""
        self._upcoming.clear()
        self._constant.clear()

    def take(self, verb: str) -> Behaviour:
        """Takes the behaviour of the call that is made now."""
        upcoming = self._upcoming.get(verb)
        return upcoming.popleft() if upcoming else self._constant.get(verb, Well())


class FaultyStore:
    """Implements `TaskStore` over another one; `calls` has the verbs called, in order."""

    def __init__(self, inner: TaskStore, script: Script) -> None:
        self.name = inner.name
        self.durable = inner.durable
        self.inner = inner
        self.script = script
        self.calls: list[str] = []

    async def open(self) -> str:
        return await self._meet("open", self.inner.open)

    async def close(self) -> None:
        await self._meet("close", self.inner.close)

    async def insert(self, tasks: Sequence[NewTask], *, atomic: bool, max_waiting: int) -> list[InsertResult]:
        return await self._meet(
            "insert", lambda: self.inner.insert(tasks, atomic=atomic, max_waiting=max_waiting)
        )

    async def claim(self, wants: Sequence[Want], *, limit: int, owner: Owner) -> Claimed:
        return await self._meet("claim", lambda: self.inner.claim(wants, limit=limit, owner=owner))

    async def apply(self, transitions: Sequence[Transition]) -> list[Applied]:
        return await self._meet("apply", lambda: self.inner.apply(transitions))

    async def cancel(self, ids: Sequence[str], reason: str) -> list[CancelMark]:
        return await self._meet("cancel", lambda: self.inner.cancel(ids, reason))

    async def recover(self, owner: Owner, *, limit: int) -> Recovered:
        return await self._meet("recover", lambda: self.inner.recover(owner, limit=limit))

    async def get(self, ids: Sequence[str]) -> list[Task | None]:
        return await self._meet("get", lambda: self.inner.get(ids))

    async def find(self, wanted: TaskFilter, page: Page, seen: Seen) -> Found:
        return await self._meet("find", lambda: self.inner.find(wanted, page, seen))

    async def count(self, wanted: TaskFilter, seen: Seen, *, limit: int) -> dict[TaskStatus, int]:
        return await self._meet("count", lambda: self.inner.count(wanted, seen, limit=limit))

    async def ahead_of(self, task: Task) -> int:
        return await self._meet("ahead_of", lambda: self.inner.ahead_of(task))

    async def lanes(self) -> list[LaneHead]:
        return await self._meet("lanes", self.inner.lanes)

    async def overdue(self, limit: int) -> Overdue:
        return await self._meet("overdue", lambda: self.inner.overdue(limit))

    async def read_log(self, after: int, wanted: TaskFilter, *, limit: int, max_bytes: int) -> LogPage:
        return await self._meet(
            "read_log", lambda: self.inner.read_log(after, wanted, limit=limit, max_bytes=max_bytes)
        )

    async def prune(self, retention: Retention) -> Pruned:
        return await self._meet("prune", lambda: self.inner.prune(retention))

    def figures(self) -> dict[str, int]:
        return self.inner.figures()

    async def _meet(self, verb: str, call: Callable[[], Awaitable[T]]) -> T:
        self.calls.append(verb)
        behaviour = self.script.take(verb)
        if isinstance(behaviour, Fail):
            raise StoreUnavailable(f"{verb} failed, as the test wished")
        if isinstance(behaviour, Unknown) and not behaviour.done:
            raise StoreOutcomeUnknown(f"{verb} was not done, and nobody knows")
        if isinstance(behaviour, Slow) and not behaviour.answer_late:
            await behaviour.wait()
        answer = await call()
        if isinstance(behaviour, Unknown):
            raise StoreOutcomeUnknown(f"{verb} was done, and nobody knows")
        if isinstance(behaviour, Slow) and behaviour.answer_late:
            await behaviour.wait()
        return answer
