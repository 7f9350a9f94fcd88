"""Two stores that are asked the same at the same time, and must answer the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

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


class Pair:
    """Implements `TaskStore`. Epochs alone may differ; the one answered is the first store's."""

    name = "pair"
    durable = False

    def __init__(self, one: TaskStore, other: TaskStore) -> None:
        self.one = one
        self.other = other

    async def open(self) -> str:
        await self.other.open()
        return await self.one.open()

    async def close(self) -> None:
        await self.one.close()
        await self.other.close()

    async def insert(self, tasks: Sequence[NewTask], *, atomic: bool, max_waiting: int) -> list[InsertResult]:
        return await self._both(lambda store: store.insert(tasks, atomic=atomic, max_waiting=max_waiting))

    async def claim(self, wants: Sequence[Want], *, limit: int, owner: Owner) -> Claimed:
        return await self._both(lambda store: store.claim(wants, limit=limit, owner=owner))

    async def apply(self, transitions: Sequence[Transition]) -> list[Applied]:
        return await self._both(lambda store: store.apply(transitions))

    async def cancel(self, ids: Sequence[str], reason: str) -> list[CancelMark]:
        return await self._both(lambda store: store.cancel(ids, reason))

    async def recover(self, owner: Owner, *, limit: int) -> Recovered:
        return await self._both(lambda store: store.recover(owner, limit=limit))

    async def get(self, ids: Sequence[str]) -> list[Task | None]:
        return await self._both(lambda store: store.get(ids))

    async def find(self, wanted: TaskFilter, page: Page, seen: Seen) -> Found:
        return await self._both(lambda store: store.find(wanted, page, seen))

    async def count(self, wanted: TaskFilter, seen: Seen, *, limit: int) -> dict[TaskStatus, int]:
        return await self._both(lambda store: store.count(wanted, seen, limit=limit))

    async def ahead_of(self, task: Task) -> int:
        return await self._both(lambda store: store.ahead_of(task))

    async def lanes(self) -> list[LaneHead]:
        return await self._both(_sorted_lanes)

    async def overdue(self, limit: int) -> Overdue:
        return await self._both(lambda store: store.overdue(limit))

    async def read_log(self, after: int, wanted: TaskFilter, *, limit: int, max_bytes: int) -> LogPage:
        return await self._both(lambda store: store.read_log(after, wanted, limit=limit, max_bytes=max_bytes))

    async def prune(self, retention: Retention) -> Pruned:
        return await self._both(lambda store: store.prune(retention))

    async def _both(self, ask: Callable[[TaskStore], Awaitable[T]]) -> T:
        answer, other = await ask(self.one), await ask(self.other)
        assert answer == other
        return answer


async def _sorted_lanes(store: TaskStore) -> list[LaneHead]:
    return sorted(await store.lanes(), key=lambda head: head.lane)
