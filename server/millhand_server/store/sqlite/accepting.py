"""Takes new tasks in: what each of them meets, and the rows of those that are new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from millhand_server.core.errors import InvalidArgument
from millhand_server.core.ports import Conflict, Full, Inserted, InsertResult, Withheld
from millhand_server.core.task import NewTask, Task
from millhand_server.store.acceptance import first_row, known
from millhand_server.store.sqlite.rows import new_columns
from millhand_server.store.sqlite.statements import Bulk, statement
from millhand_server.store.sqlite.writer import Desk

_BY_KEY = statement("sequence_by_key")
_INSERT_TASK = Bulk("insert_task")
_INSERT_SPECIFICATION = Bulk("insert_specification")


@dataclass(frozen=True, slots=True)
class Intake:
    """What one call of `TaskStore.insert` asks for."""

    tasks: Sequence[NewTask]
    atomic: bool
    max_waiting: int


def insert(desk: Desk, intakes: Sequence[Intake], *, now_us: int) -> list[list[InsertResult]]:
    """Does what each of them asks for, in order, and returns what came of each; see `TaskStore.insert`.

    Raises:
        InvalidArgument: a task has texts or numbers that no database keeps. Nothing is changed then.
    """
    try:
        batch = _Batch(desk, [new.spec.id for intake in intakes for new in intake.tasks], now_us)
        results = [batch.take(intake) for intake in intakes]
        batch.write()
    except (UnicodeEncodeError, OverflowError) as error:
        raise InvalidArgument(f"a task cannot be stored: {error}") from None
    return results


class _Batch:
    """Tasks on their way in. Nothing is changed before `write`."""

    def __init__(self, desk: Desk, ids: Sequence[str], now_us: int) -> None:
        self._desk = desk
        self._rows: dict[str, Task] = {}
        self._keys: dict[tuple[str, str], Task] = {}
        self._known = desk.by_id(ids)
        self._now_us = now_us

    def take(self, intake: Intake) -> list[InsertResult]:
        """Places tasks, or none of them when one is refused and they are to be all or none."""
        results = [self._place(new, intake.max_waiting) for new in intake.tasks]
        if not intake.atomic or all(isinstance(result, Inserted) for result in results):
            return results
        for result in results:
            if isinstance(result, Inserted) and result.created:
                self._take_back(result.task)
        return [Withheld() if isinstance(result, Inserted) else result for result in results]

    def write(self) -> None:
        """Writes the new rows."""
        if not self._rows:
            return
        columns = [new_columns(row) for row in self._rows.values()]
        self._desk.write(_INSERT_TASK, [state for state, _ in columns])
        self._desk.write(_INSERT_SPECIFICATION, [asked for _, asked in columns])
        ledger = self._desk.ledger
        ledger.last_sequence += len(columns)
        ledger.waiting += len(columns)
        ledger.tasks += len(columns)
        self._desk.cache.put(self._rows.values())

    def _place(self, new: NewTask, max_waiting: int) -> InsertResult:
        met = known(new, self._by_id(new), self._by_key(new))
        if isinstance(met, Conflict):
            return met
        if met is not None:
            return Inserted(met, created=False)
        if max_waiting and self._desk.ledger.waiting + len(self._rows) >= max_waiting:
            return Full(max_waiting)
        sequence = self._desk.ledger.last_sequence + len(self._rows) + 1
        row = first_row(new, sequence=sequence, now_us=self._now_us)
        self._rows[row.id] = row
        if row.spec.idempotency_key:
            self._keys[row.principal, row.spec.idempotency_key] = row
        return Inserted(row, created=True)

    def _take_back(self, row: Task) -> None:
        del self._rows[row.id]
        self._keys.pop((row.principal, row.spec.idempotency_key), None)

    def _by_id(self, new: NewTask) -> Task | None:
        return self._known.get(new.spec.id) or self._rows.get(new.spec.id)

    def _by_key(self, new: NewTask) -> Task | None:
        key = new.spec.idempotency_key
        if not key:
            return None
        if (row := self._keys.get((new.principal, key))) is not None:
            return row
        found = self._desk.execute(_BY_KEY, (new.principal, key)).fetchone()
        return None if found is None else self._desk.by_sequence(found)[0]
