"""Lanes: the waiting, unclaimed tasks of the memory store in the order in which they start."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heapreplace

import msgspec

from millhand_server.core.ports import LaneHead, Want
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import EXPEDITED_PRIORITY, Lane, Task
from millhand_server.store.memory.heap import LazyHeap
from millhand_server.store.memory.table import Table

#: A lane may hold this many dead entries more than living ones before it is swept.
_SLACK = 64

#: How many entries one removal sweeps: enough to win against one death a removal.
_SWEEP = 4

#: How many lanes may stay when they are empty. Callers choose the names, so that there has to be a bound.
_STAYING = 16

#: How many tasks become due in one call. The rest follow in the next ones: a million tasks may have been
#: scheduled for the same second, and nothing else would run while they move.
_PROMOTIONS = 2_000


class DueEntry(msgspec.Struct, frozen=True, order=True, gc=False):
    """A due task, in the order of starting. Smaller than a tuple, and no work for the garbage collector."""

    priority: int
    due_us: int
    sequence: int
    revision: int
    id: str

    @property
    def key(self) -> tuple[int, int, int]:
        """The row's `order_key`."""
        return (self.priority, self.due_us, self.sequence)


class _LaterEntry(msgspec.Struct, frozen=True, order=True, gc=False):
    due_us: int
    priority: int
    sequence: int
    revision: int
    id: str


class Lanes:
    """All lanes that have a waiting, unclaimed task. Costs grow with the logarithm of a lane's length.

    A few empty ones stay: when tasks come one at a time, each would make its lane anew and drop it.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._lanes: dict[Lane, _Lane] = {}
        #: Names of the lanes that may stay when they are empty: those that were last.
        self._staying: deque[Lane] = deque()

    def __len__(self) -> int:
        """Counts the lanes, empty ones included."""
        return len(self._lanes)

    def add(self, rows: Iterable[Task], now_us: int) -> None:
        """Takes in rows that wait unclaimed."""
        lanes = self._lanes
        for row in rows:
            spec = row.spec
            name = Lane(row.queue, spec.fairness_key, spec.handler)
            lane = lanes.get(name)
            if lane is None:
                lane = lanes[name] = _Lane(self._table)
            lane.add(row, now_us)

    def remove(self, row: Task) -> None:
        """Lets a row go that was replaced already in the rows."""
        name = row.lane
        lane = self._lanes[name]
        lane.remove()
        if lane.waiting == 0:
            self._note_empty(name, lane)

    def take(self, wants: Sequence[Want], limit: int, now_us: int) -> list[Task]:
        """Takes out the most urgent due tasks: a want's limit for its lanes, `limit` for all.

        Nothing stays of them here, whatever becomes of the rows.
        """
        if len(wants) != 1 or len(wants[0].lanes) != 1:
            return self._take_in_order(wants, limit, now_us)
        [want] = wants
        [name] = want.lanes
        lane = self._lanes.get(name)
        if lane is None:
            return []
        lane.promote(now_us)
        taken = lane.take(min(want.limit, limit))
        if lane.waiting == 0:
            self._note_empty(name, lane)
        return taken

    def state(self, name: Lane, now_us: int) -> LaneHead:
        """Reads a lane; an unknown one is empty."""
        lane = self._lanes.get(name)
        if lane is None or lane.waiting == 0:
            return LaneHead(name, None, None)
        lane.promote(now_us)
        head = lane.head()
        if head is None:
            return LaneHead(name, None, lane.next_due())
        return LaneHead(name, head.id, lane.next_due(), head.key)

    def states(self, now_us: int) -> list[LaneHead]:
        """Reads every lane that has a task."""
        return [self.state(name, now_us) for name, lane in self._lanes.items() if lane.waiting]

    def due_in_queue(self, queue: str, now_us: int) -> list[DueEntry]:
        """Returns the due entries of all lanes of a queue, in no order; some may be of the past."""
        due: list[DueEntry] = []
        for name, lane in self._lanes.items():
            if name.queue == queue:
                due.extend(lane.all_due(now_us))
        return due

    def ids(self) -> set[str]:
        """Returns the ids of all tasks that wait unclaimed, and of some that do so no more."""
        return {task_id for lane in self._lanes.values() for task_id in lane.ids()}

    def entry_count(self) -> int:
        """Counts the entries held, dead ones included: what the lanes cost in memory."""
        return sum(lane.entry_count() for lane in self._lanes.values())

    def _take_in_order(self, wants: Sequence[Want], limit: int, now_us: int) -> list[Task]:
        left = [want.limit for want in wants]
        fronts = self._fronts(wants, now_us)
        taken: list[Task] = []
        while fronts and len(taken) < limit:
            front, number, name = fronts[0]
            lane = self._lanes.get(name)
            head = lane.head() if lane is not None and left[number] > 0 else None
            if lane is not None and head is front:
                taken += lane.take(1)
                left[number] -= 1
                head = lane.head()
                if lane.waiting == 0:
                    self._note_empty(name, lane)
            # Otherwise the want is served, or another want for the same lane took this head.
            if head is None:
                heappop(fronts)
            else:
                heapreplace(fronts, (head, number, name))
        return taken

    def _fronts(self, wants: Sequence[Want], now_us: int) -> list[tuple[DueEntry, int, Lane]]:
        fronts: list[tuple[DueEntry, int, Lane]] = []
        for number, want in enumerate(wants):
            for name in dict.fromkeys(want.lanes):
                lane = self._lanes.get(name)
                if lane is None:
                    continue
                lane.promote(now_us)
                head = lane.head()
                if head is not None:
                    fronts.append((head, number, name))
        heapify(fronts)
        return fronts

    def _note_empty(self, name: Lane, lane: _Lane) -> None:
        """Lets an empty lane stay, and the one go that has stayed longest if it is empty too."""
        if lane.has_dead:
            lane.clear()
        if lane.may_stay:
            return
        lane.may_stay = True
        self._staying.append(name)
        if len(self._staying) > _STAYING:
            oldest = self._staying.popleft()
            self._lanes[oldest].may_stay = False
            if self._lanes[oldest].waiting == 0:
                del self._lanes[oldest]


class _Lane:
    """Two heaps: what is due in the order of starting, and what becomes due later by its time.

    `waiting` counts the living entries of both; unless it `has_dead` there are no others.
    """

    __slots__ = ("_due", "_later", "_table", "has_dead", "may_stay", "waiting")

    def __init__(self, table: Table) -> None:
        self.waiting = 0
        self.has_dead = False
        self.may_stay = False
        self._table = table
        self._due: LazyHeap[DueEntry] = LazyHeap(table.is_current)
        #: None until there is something: few lanes have any.
        self._later: LazyHeap[_LaterEntry] | None = None

    def add(self, row: Task, now_us: int) -> None:
        due_us = row.due_us
        priority = EXPEDITED_PRIORITY if row.expedited else row.priority
        self.waiting += 1
        # What is queued is due, also when the clock was set back since.
        if due_us <= now_us or row.status is TaskStatus.QUEUED:
            self._due.push(DueEntry(priority, due_us, row.sequence, row.revision, row.spec.id))
            return
        if self._later is None:
            self._later = LazyHeap(self._table.is_current)
        self._later.push(_LaterEntry(due_us, priority, row.sequence, row.revision, row.spec.id))

    def remove(self) -> None:
        """Counts a row out whose entry is dead now."""
        self.waiting -= 1
        self.has_dead = True
        if self.entry_count() > 2 * self.waiting + _SLACK:
            self._due.sweep(_SWEEP)
            if self._later is not None:
                self._later.sweep(_SWEEP)

    def clear(self) -> None:
        """Drops what is left, all of it dead."""
        self._due.clear()
        self._later = None
        self.has_dead = False

    def ids(self) -> Iterator[str]:
        yield from (entry.id for entry in self._due.entries())
        if self._later is not None:
            yield from (entry.id for entry in self._later.entries())

    def entry_count(self) -> int:
        return len(self._due) + (0 if self._later is None else len(self._later))

    def promote(self, now_us: int) -> None:
        """Moves tasks whose time has come to the due ones."""
        if self._later is None:
            return
        for _ in range(_PROMOTIONS):
            later = self._later.peek()
            if later is None or later.due_us > now_us:
                return
            self._later.pop()
            self._due.push(_as_due(later))

    def head(self) -> DueEntry | None:
        return self._due.peek()

    def take(self, limit: int) -> list[Task]:
        """Takes out the most urgent due tasks."""
        taken = self._due.take(limit, self._table.current)
        self.waiting -= len(taken)
        return taken

    def next_due(self) -> int | None:
        later = None if self._later is None else self._later.peek()
        return None if later is None else later.due_us

    def all_due(self, now_us: int) -> list[DueEntry]:
        """Returns a copy of the due entries, those still to be moved included."""
        due = self._due.entries()
        if self._later is not None:
            due += [_as_due(entry) for entry in self._later.entries() if entry.due_us <= now_us]
        return due


def _as_due(later: _LaterEntry) -> DueEntry:
    return DueEntry(later.priority, later.due_us, later.sequence, later.revision, later.id)
