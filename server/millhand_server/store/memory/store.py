"""The memory store: core's `TaskStore` over plain dictionaries and heaps. Its tasks end with the process."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from millhand_server.core.errors import StoreUnavailable
from millhand_server.core.ports import (
    Applied,
    CancelMark,
    Claimed,
    Clock,
    Conflict,
    Found,
    Full,
    Inserted,
    InsertResult,
    LaneHead,
    LogPage,
    Overdue,
    Pruned,
    Recovered,
    Retention,
    Want,
    Withheld,
)
from millhand_server.core.query import Page, Seen, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import NewTask, Owner, Task
from millhand_server.core.transition import Transition, apply_to, cancel_requested, claimed, holds, lost
from millhand_server.store.acceptance import first_row, known
from millhand_server.store.memory import listing
from millhand_server.store.memory.lanes import Lanes
from millhand_server.store.memory.overdue import StartLimits
from millhand_server.store.memory.retention import Archive
from millhand_server.store.memory.table import Table
from millhand_server.store.weight import burden


class MemoryStore:
    """Implements `TaskStore`. Every verb runs on the loop without a break, except long listings and counts.

    The retention's count and bytes are kept at every moment, its ages when `prune` is called. New tasks are
    refused while those that wait have `max_waiting_bytes` or more; 0 means no limit.
    """

    name = "memory"
    durable = False

    def __init__(
        self, clock: Clock, retention: Retention | None = None, *, max_waiting_bytes: int = 0
    ) -> None:
        self._clock = clock
        self._max_waiting_bytes = max_waiting_bytes
        self._retention = retention or Retention()
        self._epoch = secrets.token_hex(8)
        self._is_closed = False
        self._clear()

    async def open(self) -> str:
        self._check_open()
        return self._epoch

    async def close(self) -> None:
        self._is_closed = True
        self._clear()

    async def insert(self, tasks: Sequence[NewTask], *, atomic: bool, max_waiting: int) -> list[InsertResult]:
        now_us = self._now()
        batch = _Batch(self._table, max_waiting, self._max_waiting_bytes, now_us)
        results = [batch.place(new) for new in tasks]
        if atomic and any(isinstance(result, Conflict | Full) for result in results):
            return [Withheld() if isinstance(result, Inserted) else result for result in results]
        for row, size in zip(batch.rows.values(), batch.sizes, strict=True):
            self._table.add(row, size)
            self._wait(row, now_us)
        return results

    async def claim(self, wants: Sequence[Want], *, limit: int, owner: Owner) -> Claimed:
        now_us = self._now()
        tasks: list[Task] = []
        for task_id in self._lanes.take(wants, limit, now_us):
            waiting = self._table[task_id]
            row = claimed(waiting, owner)
            self._table.hold(row)
            self._start_limits.remove(waiting)
            tasks.append(row)
        lanes = dict.fromkeys(lane for want in wants for lane in want.lanes)
        return Claimed(tuple(tasks), tuple(self._lanes.state(lane, now_us) for lane in lanes))

    async def apply(self, transitions: Sequence[Transition]) -> list[Applied]:
        now_us = self._now()
        results: list[Applied] = []
        for transition in transitions:
            row = self._table.get(transition.task_id)
            if row is None or not holds(transition, row):
                results.append(Applied(row, changed=False))
            else:
                changed = self._change(row, apply_to(row, transition, now_us=now_us), now_us)
                results.append(Applied(changed, changed=True))
        return results

    async def cancel(self, ids: Sequence[str], reason: str) -> list[CancelMark]:
        now_us = self._now()
        marks: list[CancelMark] = []
        for task_id in ids:
            row = self._table.get(task_id)
            if row is None or row.is_final:
                marks.append(CancelMark(row, already_final=row is not None))
            else:
                changed = self._change(row, cancel_requested(row, reason, now_us=now_us), now_us)
                marks.append(CancelMark(changed, dequeued=changed.is_final))
        return marks

    async def recover(self, owner: Owner, *, limit: int) -> Recovered:
        now_us = self._now()
        held = [row for row in map(self._table.__getitem__, self._table.held) if _is_of_another(row, owner)]
        held.sort(key=lambda row: row.sequence)
        tasks: list[Task] = []
        for row in held[:limit]:
            changed = apply_to(row, lost(row, seen_us=now_us), now_us=now_us)
            tasks.append(self._change(row, changed, now_us))
        return Recovered(tuple(tasks), more=len(held) > limit)

    async def get(self, ids: Sequence[str]) -> list[Task | None]:
        self._check_open()
        return [self._table.get(task_id) for task_id in ids]

    async def find(self, wanted: TaskFilter, page: Page, seen: Seen) -> Found:
        self._check_open()
        return await listing.find(self._table, self._lanes, wanted, page, seen)

    async def count(self, wanted: TaskFilter, seen: Seen, *, limit: int) -> dict[TaskStatus, int]:
        self._check_open()
        return await listing.count(self._table, self._lanes, wanted, seen, limit=limit)

    async def ahead_of(self, task: Task) -> int:
        entries = self._lanes.due_in_queue(task.queue, self._now())
        return await listing.count_ahead(self._table, entries, task)

    async def lanes(self) -> list[LaneHead]:
        return self._lanes.states(self._now())

    async def overdue(self, limit: int) -> Overdue:
        return self._start_limits.read(limit, self._now())

    async def read_log(self, after: int, wanted: TaskFilter, *, limit: int, max_bytes: int) -> LogPage:
        self._check_open()
        return self._archive.log.read(after, wanted, limit=limit, max_bytes=max_bytes)

    async def prune(self, retention: Retention) -> Pruned:
        return self._archive.prune(retention, self._now())

    def _change(self, old: Task, new: Task, now_us: int) -> Task:
        """Puts a changed row in its places, and returns it as it is now."""
        if new.is_final:
            new = self._archive.enter(new, now_us)
        self._table.replace(old, new)
        if _waits_unclaimed(old):
            self._lanes.remove(old)
            self._start_limits.remove(old)
        if _waits_unclaimed(new):
            self._wait(new, now_us)
        self._archive.shrink()
        return new

    def _wait(self, row: Task, now_us: int) -> None:
        self._lanes.add(row, now_us)
        self._start_limits.add(row)

    def _now(self) -> int:
        self._check_open()
        return self._clock.now_us()

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("the store is closed")

    def _clear(self) -> None:
        self._table = Table()
        self._lanes = Lanes(self._table)
        self._start_limits = StartLimits(self._table)
        self._archive = Archive(self._table, self._retention)


class _Batch:
    """Tasks on their way in: what each of them meets, before anything is changed."""

    def __init__(self, table: Table, max_waiting: int, max_waiting_bytes: int, now_us: int) -> None:
        self.rows: dict[str, Task] = {}
        self.sizes: list[int] = []
        self._keys: dict[tuple[str, str], Task] = {}
        self._table = table
        self._max_waiting = max_waiting
        self._max_waiting_bytes = max_waiting_bytes
        self._bytes = 0
        self._now_us = now_us

    def place(self, new: NewTask) -> InsertResult:
        met = known(new, self._by_id(new), self._by_key(new))
        if isinstance(met, Conflict):
            return met
        if met is not None:
            return Inserted(met, created=False)
        if (full := self._full()) is not None:
            return full
        row = first_row(new, sequence=self._table.last_sequence + len(self.rows) + 1, now_us=self._now_us)
        self.rows[row.id] = row
        size = burden(row)
        self.sizes.append(size)
        self._bytes += size
        if row.spec.idempotency_key:
            self._keys[row.principal, row.spec.idempotency_key] = row
        return Inserted(row, created=True)

    def _full(self) -> Full | None:
        if self._max_waiting and self._table.waiting + len(self.rows) >= self._max_waiting:
            return Full(self._max_waiting)
        if self._max_waiting_bytes and self._table.waiting_bytes + self._bytes >= self._max_waiting_bytes:
            return Full(self._max_waiting_bytes, in_bytes=True)
        return None

    def _by_id(self, new: NewTask) -> Task | None:
        return self._table.get(new.spec.id) or self.rows.get(new.spec.id)

    def _by_key(self, new: NewTask) -> Task | None:
        if not new.spec.idempotency_key:
            return None
        return self._table.by_key(new) or self._keys.get((new.principal, new.spec.idempotency_key))


def _is_of_another(row: Task, owner: Owner) -> bool:
    return row.owner is not None and row.owner.epoch != owner.epoch


def _waits_unclaimed(row: Task) -> bool:
    return row.owner is None and not row.is_final
