"""Takes new tasks in: what each of them meets, and the rows of those that are new."""

from __future__ import annotations

from collections.abc import Sequence

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


def insert(
    desk: Desk, tasks: Sequence[NewTask], *, atomic: bool, max_waiting: int, now_us: int
) -> list[InsertResult]:
    """See `TaskStore.insert`.

    Raises:
        InvalidArgument: a task has texts or numbers that no database keeps.
    """
    try:
        batch = _Batch(desk, tasks, max_waiting, now_us)
        results = [batch.place(new) for new in tasks]
        if atomic and any(isinstance(result, Conflict | Full) for result in results):
            return [Withheld() if isinstance(result, Inserted) else result for result in results]
        batch.write()
    except (UnicodeEncodeError, OverflowError) as error:
        raise InvalidArgument(f"a task cannot be stored: {error}") from None
    return results


class _Batch:
    """Tasks on their way in. Nothing is changed before `write`."""

    def __init__(self, desk: Desk, tasks: Sequence[NewTask], max_waiting: int, now_us: int) -> None:
        self._desk = desk
        self._rows: dict[str, Task] = {}
        self._keys: dict[tuple[str, str], Task] = {}
        self._known = desk.by_id([new.spec.id for new in tasks])
        self._max_waiting = max_waiting
        self._now_us = now_us

    def place(self, new: NewTask) -> InsertResult:
        met = known(new, self._by_id(new), self._by_key(new))
        if isinstance(met, Conflict):
            return met
        if met is not None:
            return Inserted(met, created=False)
        if self._max_waiting and self._desk.ledger.waiting + len(self._rows) >= self._max_waiting:
            return Full(self._max_waiting)
        sequence = self._desk.ledger.last_sequence + len(self._rows) + 1
        row = first_row(new, sequence=sequence, now_us=self._now_us)
        self._rows[row.id] = row
        if row.spec.idempotency_key:
            self._keys[row.principal, row.spec.idempotency_key] = row
        return Inserted(row, created=True)

    def write(self) -> None:
        """Writes the new rows."""
        if not self._rows:
            return
        columns = [new_columns(row) for row in self._rows.values()]
        self._desk.insert(_INSERT_TASK, [state for state, _ in columns])
        self._desk.insert(_INSERT_SPECIFICATION, [asked for _, asked in columns])
        ledger = self._desk.ledger
        ledger.last_sequence += len(columns)
        ledger.waiting += len(columns)
        ledger.tasks += len(columns)
        self._desk.cache.put(self._rows.values())

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
