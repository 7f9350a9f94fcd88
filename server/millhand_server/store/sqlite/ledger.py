"""The sums over the whole file, as the writing thread keeps them: nothing is counted twice."""

from __future__ import annotations

import sqlite3

import msgspec

from millhand_server.core.status import WAITING
from millhand_server.core.task import Task
from millhand_server.store.sqlite.statements import statement


class Ledger(msgspec.Struct, gc=False):
    """Sums as they are after the job at hand. From `waiting` on they are not stored."""

    last_sequence: int
    first_position: int
    last_position: int
    log_bytes: int
    failed_count: int
    failed_bytes: int
    latest_us: int
    waiting: int = 0
    tasks: int = 0

    @property
    def results(self) -> int:
        """How many results the log holds."""
        return self.last_position + 1 - self.first_position

    @property
    def is_mostly_final(self) -> bool:
        """Tells whether fewer than half of the tasks are unfinished."""
        return 2 * (self.results + self.failed_count) > self.tasks

    def replaced(self, old: Task, new: Task) -> None:
        """Counts a row that changed."""
        self.waiting += (new.status in WAITING) - (old.status in WAITING)

    def stored(self) -> tuple[int, ...]:
        """Returns what `write_ledger` takes."""
        return msgspec.structs.astuple(self)[:_STORED]

    def of_results(self) -> tuple[int, ...]:
        """Returns what has to be written whenever it changes.

        What was accepted last is not among it, and when: that would be one more page a commit, and the newest
        task tells both, unless it was removed; but then the results changed.
        """
        return self.stored()[1:-1]

    def set_to(self, other: Ledger) -> None:
        """Goes back to the sums of before a job that failed."""
        for field in self.__struct_fields__:
            setattr(self, field, getattr(other, field))


_STORED = 7


def read_ledger(connection: sqlite3.Connection) -> tuple[str, Ledger]:
    """Returns the epoch of the log, and the sums."""
    epoch, *stored = connection.execute(statement("ledger")).fetchone()
    ledger = Ledger(*stored)
    sequence, create_us = connection.execute(statement("newest_task")).fetchone() or (0, 0)
    ledger.last_sequence = max(ledger.last_sequence, sequence)
    ledger.latest_us = max(ledger.latest_us, create_us)
    [unclaimed] = connection.execute(statement("count_unclaimed")).fetchone()
    held, claimed = connection.execute(statement("count_held")).fetchone()
    ledger.waiting = unclaimed + claimed
    ledger.tasks = unclaimed + held + ledger.results + ledger.failed_count
    return epoch, ledger
