"""Listings and counts."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from heapq import nlargest, nsmallest

from millhand_server.core.ports import Found
from millhand_server.core.query import Order, Page, Seen, TaskFilter, matches, shown_status, sort_key
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Task
from millhand_server.store.sqlite.filters import Condition, beyond, condition, key_of, order_by
from millhand_server.store.sqlite.ledger import Ledger
from millhand_server.store.sqlite.reader import Reader
from millhand_server.store.sqlite.rows import Rows
from millhand_server.store.sqlite.statements import statement
from millhand_server.store.sqlite.walk import Part, Walk
from millhand_server.store.sqlite.writer import as_json

_KEYS_OF_PART = statement("keys_of_part")
_ROWS_OF_PART = statement("rows_of_part")
_COUNTS_OF_PART = statement("counts_of_part")
_BY_SEQUENCE = statement("tasks_by_sequence")

#: Rows in one part: where a statement decides alone, and where each row is made a task to look into.
_PART = 4_000
_PART_LOOKED_INTO = 400

#: Rows read at once for a page, and after how many bytes the page ends early: payloads may be large.
_ROWS = 100
_PAGE_BYTES = 16 * 1024 * 1024

#: The two halves of a sort key, the second one being the sequence.
Key = tuple[int, int]


class Listing:
    """Finds and counts tasks, on the reading thread."""

    def __init__(self, reader: Reader, rows: Rows, ledger: Ledger) -> None:
        """Takes the writer's ledger, for a rough idea of which way is shorter."""
        self._reader = reader
        self._rows = rows
        self._ledger = ledger

    async def find(self, wanted: TaskFilter, page: Page, seen: Seen) -> Found:
        """See `TaskStore.find`. A page of large tasks ends early."""
        keys = await self._keys(wanted, page, seen)
        tasks: list[Task] = []
        size = 0
        for start in range(0, min(len(keys), page.limit), _ROWS):
            part = [sequence for _, sequence in keys[start : min(start + _ROWS, page.limit)]]
            for task in await self._reader.submit(partial(self._read, part)):
                size += len(task.spec.payload) + len(task.output)
                if tasks and size > _PAGE_BYTES:
                    return Found(tuple(tasks), more=True)
                # It may have changed since it was found.
                if matches(wanted, task, seen):
                    tasks.append(task)
        return Found(tuple(tasks), more=len(keys) > page.limit)

    async def count(self, wanted: TaskFilter, seen: Seen, *, limit: int) -> dict[TaskStatus, int]:
        """See `TaskStore.count`."""
        where = condition(wanted, seen)

        def step(connection: sqlite3.Connection, part: Part) -> Mapping[TaskStatus, int]:
            if not where.is_whole:
                tasks = self._look_into(connection, where, part)
                return Counter(shown_status(task, seen) for task in tasks if matches(wanted, task, seen))
            found = connection.execute(
                where.into(_COUNTS_OF_PART, part.sql), where.parameters | part.parameters
            )
            return {TaskStatus(status): number for status, number in found}

        counts: Counter[TaskStatus] = Counter()
        walk = Walk(wanted, _length(where))
        async for part in walk.parts(self._reader, self._ledger, step):
            for status, number in part.items():
                counts[status] += min(number, limit - counts.total()) if limit else number
            if limit and counts.total() >= limit:
                break
        return dict(+counts)

    async def _keys(self, wanted: TaskFilter, page: Page, seen: Seen) -> list[Key]:
        """Finds the sort keys of a page's tasks, and of one more if there is one."""
        where = condition(wanted, seen)
        needed = page.limit + 1

        def step(connection: sqlite3.Connection, part: Part) -> list[Key]:
            if not where.is_whole:
                tasks = self._look_into(connection, where, part)
                return [_key(page.order, task) for task in tasks if _is_on(page, task, wanted, seen)]
            sql = _keys_sql(page, where, part)
            after = dict(zip(("key", "key_sequence"), page.after or (), strict=False))
            bound = where.parameters | part.parameters | after | {"limit": needed}
            return [(key, sequence) for key, sequence in connection.execute(sql, bound)]

        found: list[Key] = []
        best = nlargest if page.descending else nsmallest
        async for keys in _walk_of(wanted, page, _length(where)).parts(self._reader, self._ledger, step):
            found = best(needed, [*found, *keys])
            if page.order is Order.CREATE_TIME and len(found) == needed:
                break
        return found

    def _look_into(self, connection: sqlite3.Connection, where: Condition, part: Part) -> list[Task]:
        found = connection.execute(where.into(_ROWS_OF_PART, part.sql), where.parameters | part.parameters)
        return [self._rows.task(row) for row in found]

    def _read(self, sequences: Sequence[int], connection: sqlite3.Connection) -> list[Task]:
        """Reads rows in this order, those that are still there."""
        found = map(self._rows.task, connection.execute(_BY_SEQUENCE, (as_json(sequences),)))
        tasks = {task.sequence: task for task in found}
        return [tasks[sequence] for sequence in sequences if sequence in tasks]


def _length(where: Condition) -> int:
    return _PART if where.is_whole else _PART_LOOKED_INTO


def _walk_of(wanted: TaskFilter, page: Page, length: int) -> Walk:
    """Returns the walk for a page; in order of acceptance it begins where the page before ended."""
    if page.order is not Order.CREATE_TIME:
        return Walk(wanted, length)
    walk = Walk(wanted, length, backward=page.descending)
    if page.after is None:
        return walk
    after = page.after[0]
    return walk._replace(high=after - 1) if page.descending else walk._replace(low=after + 1)


def _keys_sql(page: Page, where: Condition, part: Part) -> str:
    sql = _KEYS_OF_PART.replace("{key}", key_of(page.order)).replace(
        "{order}", order_by(page.order, descending=page.descending)
    )
    if page.after is not None and page.order is not Order.CREATE_TIME:
        sql = sql.replace("{filter}", "{filter}" + beyond(page.order, descending=page.descending))
    return where.into(sql, part.sql)


def _key(order: Order, task: Task) -> Key:
    return (sort_key(order, task)[0], task.sequence)


def _is_on(page: Page, task: Task, wanted: TaskFilter, seen: Seen) -> bool:
    """Tells whether a task matches, and belongs on this page or a later one."""
    if not matches(wanted, task, seen):
        return False
    if page.after is None:
        return True
    key = sort_key(page.order, task)
    return key < page.after if page.descending else key > page.after
