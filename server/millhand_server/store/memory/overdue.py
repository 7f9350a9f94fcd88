"""Start limits: which waiting, unclaimed tasks of the memory store have waited too long."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from millhand_server.core.ports import Overdue
from millhand_server.core.task import Task
from millhand_server.store.memory.heap import LazyHeap
from millhand_server.store.memory.table import Table

#: As for lanes: dead entries borne before sweeping, and entries swept a removal.
_SLACK = 64
_SWEEP = 4


class _Entry(msgspec.Struct, frozen=True, order=True, gc=False):
    start_by_us: int
    sequence: int
    revision: int
    id: str


class StartLimits:
    """Rows that wait unclaimed and have a `start_by_us`, soonest first. Others are not kept here."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._heap: LazyHeap[_Entry] = LazyHeap(table.is_current)
        self._waiting = 0

    def add(self, rows: Iterable[Task]) -> None:
        """Takes in rows that wait unclaimed."""
        for row in rows:
            if row.start_by_us is not None:
                self._heap.push(_Entry(row.start_by_us, row.sequence, row.revision, row.id))
                self._waiting += 1

    def remove(self, rows: Iterable[Task]) -> None:
        """Lets rows go that were replaced already in the table."""
        for row in rows:
            if row.start_by_us is not None:
                self._waiting -= 1
                if len(self._heap) > 2 * self._waiting + _SLACK:
                    self._heap.sweep(_SWEEP)

    def read(self, limit: int, now_us: int) -> Overdue:
        """Reads overdue rows, and leaves them: they go when they are ended."""
        past: list[_Entry] = []
        head = self._heap.peek()
        while head is not None and head.start_by_us <= now_us and len(past) < limit:
            self._heap.pop()
            past.append(head)
            head = self._heap.peek()
        for entry in past:
            self._heap.push(entry)
        tasks = tuple(self._table[entry.id] for entry in past)
        return Overdue(tasks, None if head is None else head.start_by_us)

    def entry_count(self) -> int:
        """Counts the entries held, dead ones included."""
        return len(self._heap)
