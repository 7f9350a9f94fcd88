"""The memory store: core's `TaskStore` over plain dictionaries and heaps. Its tasks end with the process."""

from __future__ import annotations

import secrets
import sys
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
from millhand_server.core.status import FINAL, TaskStatus
from millhand_server.core.task import Lane, NewTask, Owner, Task
from millhand_server.core.transition import Transition, apply_to, cancel_requested, claimed, holds, lost
from millhand_server.store.acceptance import first_row, known
from millhand_server.store.memory import listing
from millhand_server.store.memory.lanes import Lanes
from millhand_server.store.memory.overdue import StartLimits
from millhand_server.store.memory.retention import Archive
from millhand_server.store.memory.table import Table
from millhand_server.store.weight import asked


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
        now_us, table = self._now(), self._table
        batch = _Batch(table, max_waiting, self._max_waiting_bytes)
        results = batch.place(tasks, now_us)
        if atomic and batch.has_refused:
            return [Withheld() if isinstance(result, Inserted) else result for result in results]
        table.add(batch.rows, batch.size, batch.keys)
        self._lanes.add(batch.rows.values(), now_us)
        self._start_limits.add(batch.rows.values())
        return results

    async def claim(self, wants: Sequence[Want], *, limit: int, owner: Owner) -> Claimed:
        now_us = self._now()
        waiting = self._lanes.take(wants, limit, now_us)
        rows = [claimed(row, owner) for row in waiting]
        self._table.hold(rows)
        self._start_limits.remove(waiting)
        heads: dict[Lane, LaneHead] = {}
        for want in wants:
            for name in want.lanes:
                heads[name] = self._lanes.state(name, now_us)
        return Claimed(tuple(rows), tuple(heads.values()))

    async def apply(self, transitions: Sequence[Transition]) -> list[Applied]:
        now_us = self._now()
        results: list[Applied] = []
        for transition in transitions:
            row = self._table.get(transition.task_id)
            if row is None or not holds(transition, row):
                results.append(Applied(row, changed=False))
            else:
                changed = apply_to(row, transition, now_us=now_us)
                self._change(row, changed, now_us)
                results.append(Applied(changed, changed=True))
        self._archive.shrink()
        return results

    async def cancel(self, ids: Sequence[str], reason: str) -> list[CancelMark]:
        now_us = self._now()
        marks: list[CancelMark] = []
        for task_id in ids:
            row = self._table.get(task_id)
            if row is None or row.is_final:
                marks.append(CancelMark(row, already_final=row is not None))
            else:
                changed = cancel_requested(row, reason, now_us=now_us)
                self._change(row, changed, now_us)
                marks.append(CancelMark(changed, dequeued=changed.is_final))
        self._archive.shrink()
        return marks

    async def recover(self, owner: Owner, *, limit: int) -> Recovered:
        now_us = self._now()
        held = [row for row in map(self._table.__getitem__, self._table.held) if _is_of_another(row, owner)]
        held.sort(key=lambda row: row.sequence)
        tasks: list[Task] = []
        for row in held[:limit]:
            changed = apply_to(row, lost(row, seen_us=now_us), now_us=now_us)
            self._change(row, changed, now_us)
            tasks.append(changed)
        self._archive.shrink()
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

    def figures(self) -> dict[str, int]:
        return {} if self._is_closed else {"waiting": self._table.waiting_bytes}

    def _change(self, old: Task, new: Task, now_us: int) -> None:
        """Puts a changed row, which was not final, in its places."""
        asked_bytes = asked(old)
        self._table.replace(old, new, asked_bytes)
        if old.owner is None:
            self._lanes.remove(old)
            self._start_limits.remove([old])
        if new.status in FINAL:
            self._archive.enter(new, asked_bytes, now_us)
        elif new.owner is None:
            self._lanes.add([new], now_us)
            self._start_limits.add([new])

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

    __slots__ = ("_bytes_left", "_places", "_table", "has_refused", "keys", "rows", "size")

    def __init__(self, table: Table, max_waiting: int, max_waiting_bytes: int) -> None:
        #: The new rows by id, the sum of their burdens, and their ids by principal and idempotency key.
        self.rows: dict[str, Task] = {}
        self.size = 0
        self.keys: dict[tuple[str, str], str] = {}
        self.has_refused = False
        self._table = table
        self._places = max_waiting - table.waiting if max_waiting else sys.maxsize
        self._bytes_left = max_waiting_bytes - table.waiting_bytes if max_waiting_bytes else sys.maxsize

    def place(self, tasks: Sequence[NewTask], now_us: int) -> list[InsertResult]:
        rows, row_of, sequence = self.rows, self._table.get, self._table.last_sequence
        results: list[InsertResult] = []
        for new in tasks:
            spec = new.spec
            by_id = row_of(spec.id) or rows.get(spec.id)
            by_key = self._by_key(new) if spec.idempotency_key else None
            met = known(new, by_id, by_key)
            if met is not None:
                results.append(self._met(met))
            elif len(rows) >= self._places or self.size >= self._bytes_left:
                results.append(self._full())
            else:
                sequence += 1
                row = rows[spec.id] = first_row(new, sequence=sequence, now_us=now_us)
                self.size += asked(row)
                if spec.idempotency_key:
                    self.keys[new.principal, spec.idempotency_key] = spec.id
                results.append(Inserted(row, created=True))
        return results

    def _by_key(self, new: NewTask) -> Task | None:
        task_id = self.keys.get((new.principal, new.spec.idempotency_key))
        return self._table.by_key(new) if task_id is None else self.rows[task_id]

    def _met(self, met: Task | Conflict) -> Inserted | Conflict:
        if isinstance(met, Conflict):
            self.has_refused = True
            return met
        return Inserted(met, created=False)

    def _full(self) -> Full:
        self.has_refused = True
        if len(self.rows) >= self._places:
            return Full(self._table.waiting + self._places)
        return Full(self._table.waiting_bytes + self._bytes_left, in_bytes=True)


def _is_of_another(row: Task, owner: Owner) -> bool:
    return row.owner is not None and row.owner.epoch != owner.epoch
