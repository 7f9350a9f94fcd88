"""Goes through the rows among which all that match a filter are, part by part and in order of acceptance.

Between two parts other readers have a turn, and the write-ahead log can be shortened.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple, TypeVar

from millhand_server.core.query import TaskFilter
from millhand_server.core.status import WAITING, TaskStatus
from millhand_server.store.sqlite.ledger import Ledger
from millhand_server.store.sqlite.reader import Reader
from millhand_server.store.sqlite.statements import statement
from millhand_server.store.sqlite.writer import as_json

T = TypeVar("T")

_SPAN = statement("part_of_span")
_SEQUENCES = statement("part_of_sequences")
_END_OF_SPAN = statement("end_of_span")
_START_OF_SPAN = statement("start_of_span")
_NEWEST = statement("newest_task")
_BY_ID = statement("sequences_by_id")
_HELD = statement("held_sequences")
_UNFINISHED = statement("unfinished_sequences")

_UNFINISHED_STATUSES = WAITING | {TaskStatus.RUNNING}
_LAST = 2**63 - 1


class Part(NamedTuple):
    """Some rows: a condition for `{part}` in a statement, and its parameters."""

    sql: str
    parameters: dict[str, Any]


class Walk(NamedTuple):
    """Which rows, and how many at a time: sequences from `low` to `high`, the highest first if `backward`."""

    wanted: TaskFilter
    length: int
    low: int = 0
    high: int = _LAST
    backward: bool = False

    async def parts(
        self, reader: Reader, ledger: Ledger, step: Callable[[sqlite3.Connection, Part], T]
    ) -> AsyncIterator[T]:
        """Takes the step for each part, on the reading thread, each at another moment.

        A row never changes its place, and those accepted meanwhile come last (unless backward). So each row
        was looked at in the end, and a count of unfinished tasks that comes to 0 is true of the last moment.
        """
        low, high = self.low, self.high
        some = await reader.submit(lambda connection: self._narrowed(connection, ledger))
        if some is not None:
            for start in range(0, len(some.sequences), self.length):
                part = Part(
                    _SEQUENCES, {"sequences": as_json(list(some.sequences[start : start + self.length]))}
                )
                yield await reader.submit(_taking(step, part))
            if self.backward:
                return
            low = max(low, some.newest + 1)
        while True:
            span, result = await reader.submit(self._stepping(step, low, high))
            if span is None:
                return
            yield result
            low, high = (low, span[0] - 1) if self.backward else (span[1] + 1, high)

    def _stepping(
        self, step: Callable[[sqlite3.Connection, Part], T], low: int, high: int
    ) -> Callable[[sqlite3.Connection], tuple[tuple[int, int] | None, Any]]:
        def take(connection: sqlite3.Connection) -> tuple[tuple[int, int] | None, Any]:
            if self.backward:
                [start] = connection.execute(_START_OF_SPAN, (high, self.length)).fetchone()
                span = None if start is None or high < low else (max(start, low), high)
            else:
                [end] = connection.execute(_END_OF_SPAN, (low, self.length)).fetchone()
                span = None if end is None or low > high else (low, min(end, high))
            if span is None or span[0] > span[1]:
                return None, None
            return span, step(connection, Part(_SPAN, {"low": span[0], "high": span[1]}))

        return take

    def _narrowed(self, connection: sqlite3.Connection, ledger: Ledger) -> _Some | None:
        """Finds the sequences of all rows that can match, if those are few; None otherwise."""
        wanted = self.wanted
        parameters: tuple[str, ...] = ()
        if wanted.ids:
            sql, parameters = _BY_ID, (as_json(list(wanted.ids)),)
        elif wanted.owner_epoch is not None or wanted.statuses == {TaskStatus.RUNNING}:
            sql = _HELD
        elif wanted.statuses and wanted.statuses <= _UNFINISHED_STATUSES and ledger.is_mostly_final:
            sql = _UNFINISHED
        else:
            return None
        found = array("q", (sequence for (sequence,) in connection.execute(sql, parameters)))
        inside = [sequence for sequence in found if self.low <= sequence <= self.high]
        newest, _ = connection.execute(_NEWEST).fetchone() or (0, 0)
        return _Some(array("q", sorted(inside, reverse=self.backward)), newest)


class _Some(NamedTuple):
    sequences: array[int]
    newest: int


def _taking(step: Callable[[sqlite3.Connection, Part], T], part: Part) -> Callable[[sqlite3.Connection], T]:
    return lambda connection: step(connection, part)
