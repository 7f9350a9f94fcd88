"""Lanes: the waiting, unclaimed tasks of the memory store in the order in which they start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heapreplace

import msgspec

from millhand_server.core.ports import LaneHead, Want
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Lane, Task
from millhand_server.store.memory.heap import LazyHeap
from millhand_server.store.memory.table import Table

#: A lane may hold this many dead entries more than living ones before it is swept.
_SLACK = 64

#: How many entries one removal sweeps: enough to win against one death a removal.
_SWEEP = 4

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
    """All lanes that have a waiting, unclaimed task. Costs grow with the logarithm of a lane's length."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._lanes: dict[Lane, _Lane] = {}

    def add(self, row: Task, now_us: int) -> None:
        """Takes in a row that waits unclaimed."""
        lane = self._lanes.get(row.lane)
        if lane is None:
            lane = self._lanes[row.lane] = _Lane(self._table)
        lane.add(row, now_us)

    def remove(self, row: Task) -> None:
        """Lets a row go that was replaced already in the rows."""
        name = row.lane
        if self._lanes[name].remove():
            del self._lanes[name]

    def take(self, wants: Sequence[Want], limit: int, now_us: int) -> list[str]:
        """Takes out the ids of the most urgent due tasks: a want's limit for its lanes, `limit` for all.

        Nothing stays of them here, whatever becomes of the rows.
        """
        left = [want.limit for want in wants]
        fronts = self._fronts(wants, now_us)
        taken: list[str] = []
        while fronts and len(taken) < limit:
            front, number, name = fronts[0]
            lane = self._lanes.get(name)
            head = lane.head() if lane is not None and left[number] > 0 else None
            if lane is not None and head is front:
                taken.append(front.id)
                left[number] -= 1
                if lane.take_head():
                    del self._lanes[name]
                head = lane.head()
            # Otherwise the want is served, or another want for the same lane took this head.
            if head is None:
                heappop(fronts)
            else:
                heapreplace(fronts, (head, number, name))
        return taken

    def state(self, name: Lane, now_us: int) -> LaneHead:
        """Reads a lane; an unknown one is empty."""
        lane = self._lanes.get(name)
        if lane is None:
            return LaneHead(name, None, None)
        lane.promote(now_us)
        head = lane.head()
        if head is None:
            return LaneHead(name, None, lane.next_due())
        return LaneHead(name, head.id, lane.next_due(), head.key)

    def states(self, now_us: int) -> list[LaneHead]:
        """Reads every lane that has a task."""
        return [self.state(name, now_us) for name in list(self._lanes)]

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


class _Lane:
    """Two heaps: what is due in the order of starting, and what becomes due later by its time."""

    __slots__ = ("_due", "_later", "_waiting")

    def __init__(self, table: Table) -> None:
        self._due: LazyHeap[DueEntry] = LazyHeap(table.is_current)
        self._later: LazyHeap[_LaterEntry] = LazyHeap(table.is_current)
        self._waiting = 0

    def add(self, row: Task, now_us: int) -> None:
        priority, due_us, sequence = row.order_key()
        # What is queued is due, also when the clock was set back since.
        if due_us > now_us and row.status is not TaskStatus.QUEUED:
            self._later.push(_LaterEntry(due_us, priority, sequence, row.revision, row.id))
        else:
            self._due.push(DueEntry(priority, due_us, sequence, row.revision, row.id))
        self._waiting += 1

    def remove(self) -> bool:
        """Counts a row out whose entry is dead now; True when the lane is empty."""
        self._waiting -= 1
        if self.entry_count() > 2 * self._waiting + _SLACK:
            self._due.sweep(_SWEEP)
            self._later.sweep(_SWEEP)
        return self._waiting == 0

    def ids(self) -> Iterator[str]:
        yield from (entry.id for entry in self._due.entries())
        yield from (entry.id for entry in self._later.entries())

    def entry_count(self) -> int:
        return len(self._due) + len(self._later)

    def promote(self, now_us: int) -> None:
        """Moves tasks whose time has come to the due ones."""
        for _ in range(_PROMOTIONS):
            later = self._later.peek()
            if later is None or later.due_us > now_us:
                return
            self._later.pop()
            self._due.push(_as_due(later))

    def head(self) -> DueEntry | None:
        return self._due.peek()

    def take_head(self) -> bool:
        """Takes the head out; True when the lane is empty."""
        self._due.pop()
        self._waiting -= 1
        return self._waiting == 0

    def next_due(self) -> int | None:
        later = self._later.peek()
        return None if later is None else later.due_us

    def all_due(self, now_us: int) -> list[DueEntry]:
        """Returns a copy of the due entries, those still to be moved included."""
        due = self._due.entries()
        due += [_as_due(entry) for entry in self._later.entries() if entry.due_us <= now_us]
        return due


def _as_due(later: _LaterEntry) -> DueEntry:
    return DueEntry(later.priority, later.due_us, later.sequence, later.revision, later.id)
