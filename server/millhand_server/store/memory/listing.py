"""Listing and counting the memory store's rows, in steps between which other work runs."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from millhand_server.core.ports import Found
from millhand_server.core.query import Order, Page, Seen, TaskFilter, matches, shown_status, sort_key
from millhand_server.core.status import WAITING, TaskStatus
from millhand_server.core.task import Task
from millhand_server.store.memory.lanes import DueEntry, Lanes
from millhand_server.store.memory.table import Table

T = TypeVar("T")

#: Rows looked at in one go, and after how many of these others get a turn: two milliseconds in all, or three
#: when the rows are packed.
_PART = 256
_PARTS = 4


async def find(table: Table, lanes: Lanes, wanted: TaskFilter, page: Page, seen: Seen) -> Found:
    """See `TaskStore.find`."""
    is_beyond = _beyond(page)
    ids = _narrowest(table, lanes, wanted)
    in_order = ids is None and page.order is Order.CREATE_TIME
    after = page.after[0] if page.after else None
    parts = table.blocks(after, descending=page.descending) if in_order else _all_rows(table, ids)
    turns = _Turns()
    found: list[Task] = []
    for rows in parts:
        found += [row for row in rows if is_beyond(row) and matches(wanted, row, seen)]
        if not in_order:
            found = _first(found, page)
        elif len(found) > page.limit:
            break
        await turns.passed()
    return Found(tuple(found[: page.limit]), len(found) > page.limit)


async def count(
    table: Table, lanes: Lanes, wanted: TaskFilter, seen: Seen, *, limit: int
) -> dict[TaskStatus, int]:
    """See `TaskStore.count`."""
    counts: Counter[TaskStatus] = Counter()
    turns = _Turns()
    for rows in _all_rows(table, _narrowest(table, lanes, wanted)):
        matching = (shown_status(row, seen) for row in rows if matches(wanted, row, seen))
        counts.update(islice(matching, limit - counts.total()) if limit else matching)
        if limit and counts.total() >= limit:
            break
        await turns.passed()
    return dict(counts)


async def count_ahead(table: Table, entries: Sequence[DueEntry], task: Task) -> int:
    """Counts the entries of tasks that still wait unclaimed and start before the task."""
    key = task.order_key()
    turns = _Turns()
    ahead = 0
    for part in _parts(entries):
        ahead += sum(1 for entry in part if entry.key < key and table.is_current(entry))
        await turns.passed()
    return ahead


def _narrowest(table: Table, lanes: Lanes, wanted: TaskFilter) -> Collection[str] | None:
    """Returns ids among which all matching rows are, when there are few enough; None for all rows."""
    if wanted.ids:
        return wanted.ids
    if wanted.owner_epoch is not None or wanted.statuses == {TaskStatus.RUNNING}:
        return table.held
    unfinished = len(table.held) + lanes.entry_count()
    if wanted.statuses and wanted.statuses <= _UNFINISHED and 2 * unfinished < len(table):
        return table.held | lanes.ids()
    return None


_UNFINISHED = WAITING | {TaskStatus.RUNNING}


def _all_rows(table: Table, ids: Collection[str] | None) -> Iterator[list[Task]]:
    """Iterates over the rows with these ids and over those accepted meanwhile, or over all rows.

    Thus at the end every row was looked at, and a count of unfinished tasks that comes to 0 is true of
    that moment.
    """
    if ids is None:
        yield from table.blocks(None, descending=False)
        return
    newest = table.last_sequence
    for part in _parts(list(ids)):
        rows = (table.get(task_id) for task_id in part)
        yield [row for row in rows if row is not None and row.sequence <= newest]
    if table.last_sequence != newest:
        for block in table.blocks(newest, descending=False):
            yield [row for row in block if row.sequence > newest]


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _PART):
        yield items[start : start + _PART]


def _beyond(page: Page) -> Callable[[Task], bool]:
    """Returns the test for being on this page or a later one."""
    after = page.after
    if after is None:
        return lambda _: True
    if page.descending:
        return lambda row: sort_key(page.order, row) < after
    return lambda row: sort_key(page.order, row) > after


def _first(rows: list[Task], page: Page) -> list[Task]:
    """Returns as many of the rows as the page needs, and one that tells whether others follow, sorted."""

    def key(row: Task) -> tuple[int, int]:
        return sort_key(page.order, row)

    best = heapq.nlargest if page.descending else heapq.nsmallest
    return best(page.limit + 1, rows, key=key)


class _Turns:
    """Lets others have a turn after every few parts."""

    def __init__(self) -> None:
        self._parts = 0

    async def passed(self) -> None:
        self._parts += 1
        if self._parts % _PARTS == 0:
            await asyncio.sleep(0)
