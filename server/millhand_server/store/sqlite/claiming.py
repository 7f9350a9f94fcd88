"""Claims: the most urgent due tasks of some lanes, found without a look at any other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heapreplace
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import asdict

from millhand_server.core.ports import Claimed, LaneHead, Overdue, Want
from millhand_server.core.task import Lane, Owner, Task
from millhand_server.core.transition import claimed
from millhand_server.store.sqlite.rows import Rows
from millhand_server.store.sqlite.statements import statement
from millhand_server.store.sqlite.writer import Desk, as_json

_LANE_AFTER = statement("lane_after")
_URGENCIES = statement("lane_urgencies")
_DUE = statement("lane_due")
_HOLD = statement("hold_tasks")
_AHEAD = statement("count_ahead")
_OVERDUE = statement("overdue")
_START_LIMITS = statement("start_limits")

#: The most entries of a lane that are read at once when many lanes are wanted.
_LONGEST_PAGE = 256

Execute = Callable[[str, Any], sqlite3.Cursor]


def claim(desk: Desk, wants: Sequence[Want], *, limit: int, owner: Owner, now_us: int) -> Claimed:
    """See `TaskStore.claim`."""
    names = dict.fromkeys(lane for want in wants for lane in want.lanes)
    places = min(limit, sum(want.limit for want in wants))
    page = places + 1 if len(names) == 1 else min(2 + 2 * places // max(len(names), 1), _LONGEST_PAGE)
    times = Times(now_us, desk.ledger.latest_us)
    lanes = {name: _LaneWalk(desk.execute, name, times, page) for name in names}
    taken = _take(wants, limit, lanes)
    tasks = _hold(desk, taken, owner)
    return Claimed(tuple(tasks), tuple(lane.state() for lane in lanes.values()))


def lane_states(
    connection: sqlite3.Connection, after: Lane | None, limit: int, times: Times
) -> list[LaneHead]:
    """Reads the states of lanes that have a waiting task: at most `limit`, those that follow one by name."""
    states: list[LaneHead] = []
    name = Lane("", "", "") if after is None else after
    while len(states) < limit:
        found = connection.execute(_LANE_AFTER, asdict(name)).fetchone()
        if found is None:
            break
        name = Lane(*found)
        states.append(_LaneWalk(connection.execute, name, times, 1).state())
    return states


def count_ahead(connection: sqlite3.Connection, task: Task, times: Times) -> int:
    """See `TaskStore.ahead_of`."""
    order = dict(zip(("urgency", "due_us", "sequence"), task.order_key(), strict=True))
    [count] = connection.execute(_AHEAD, times._asdict() | order | {"queue": task.queue}).fetchone()
    return int(count)


def overdue(connection: sqlite3.Connection, rows: Rows, limit: int, now_us: int) -> Overdue:
    """See `TaskStore.overdue`."""
    tasks = tuple(rows.task(row) for row in connection.execute(_OVERDUE, (now_us, limit)))
    following = connection.execute(_START_LIMITS, (len(tasks),)).fetchone()
    return Overdue(tasks, None if following is None else following[0])


class Times(NamedTuple):
    """What the clock shows, and the latest time that it ever showed."""

    now_us: int
    latest_us: int


class _Entry(NamedTuple):
    """A due task; sorted in the order of starting."""

    urgency: int
    due_us: int
    sequence: int
    id: str

    @property
    def order(self) -> tuple[int, int, int]:
        return (self.urgency, self.due_us, self.sequence)


class _LaneWalk:
    """The due tasks of one lane in the order of starting, read as far as they are asked for."""

    def __init__(self, execute: Execute, name: Lane, times: Times, page: int) -> None:
        self._execute = execute
        self._name = name
        self._page = page
        self._bound = asdict(name) | times._asdict()
        levels = execute(_URGENCIES, self._bound).fetchall()
        self._next_due_us = min((due_us for _, due_us in levels if due_us is not None), default=None)
        self._urgencies = [urgency for urgency, _ in reversed(levels)]
        self._after = _BEFORE_ALL
        # The next entries, the first of them last.
        self._ready: list[_Entry] = []
        self._fill()

    @property
    def head(self) -> _Entry | None:
        """The most urgent entry that was not taken; None when there is none."""
        return self._ready[-1] if self._ready else None

    def take_head(self) -> None:
        self._ready.pop()
        if not self._ready:
            self._fill()

    def state(self) -> LaneHead:
        head = self.head
        if head is None:
            return LaneHead(self._name, None, self._next_due_us)
        return LaneHead(self._name, head.id, self._next_due_us, head.order)

    def _fill(self) -> None:
        while self._urgencies and not self._ready:
            urgency = self._urgencies[-1]
            bound = self._bound | self._after | {"urgency": urgency, "limit": self._page}
            [packed] = self._execute(_DUE, bound).fetchone()
            found = sorted(_decode_due(packed))
            self._ready = [_Entry(urgency, *row) for row in reversed(found)]
            if len(found) < self._page:
                self._urgencies.pop()
                self._after = _BEFORE_ALL
            else:
                self._after = {"after_us": found[-1][0], "after_sequence": found[-1][1]}
            self._page = min(2 * self._page, max(self._page, _LONGEST_PAGE))


_decode_due = msgspec.json.Decoder(list[tuple[int, int, str]]).decode

_BEFORE_ALL = {"after_us": -(2**63), "after_sequence": -(2**63)}


def _take(wants: Sequence[Want], limit: int, lanes: dict[Lane, _LaneWalk]) -> list[_Entry]:
    """Takes entries in the order of starting: a want's limit for its lanes, `limit` for all."""
    left = [want.limit for want in wants]
    fronts = [
        (head, number, name)
        for number, want in enumerate(wants)
        for name in dict.fromkeys(want.lanes)
        if (head := lanes[name].head) is not None
    ]
    heapify(fronts)
    taken: list[_Entry] = []
    while fronts and len(taken) < limit:
        front, number, name = fronts[0]
        lane = lanes[name]
        if left[number] <= 0:
            heappop(fronts)
            continue
        # Otherwise another want for the same lane took this head.
        if lane.head is front:
            taken.append(front)
            left[number] -= 1
            lane.take_head()
        head = lane.head
        if head is None:
            heappop(fronts)
        else:
            heapreplace(fronts, (head, number, name))
    return taken


def _hold(desk: Desk, entries: Sequence[_Entry], owner: Owner) -> list[Task]:
    if not entries:
        return []
    desk.lives.note(owner)
    sequences = as_json([entry.sequence for entry in entries])
    desk.execute(_HOLD, (owner.node, owner.epoch, sequences))
    cached = {entry.id: row for entry in entries if (row := desk.cache.get(entry.id)) is not None}
    missing = [entry.sequence for entry in entries if entry.id not in cached]
    # Read after the change, so that these are held already.
    rows = {row.id: row for row in desk.by_sequence(missing)} if missing else {}
    rows.update((task_id, claimed(row, owner)) for task_id, row in cached.items())
    tasks = [rows[entry.id] for entry in entries]
    desk.cache.put(tasks)
    return tasks
