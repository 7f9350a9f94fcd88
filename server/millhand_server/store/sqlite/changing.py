"""Changes of tasks that are there. What a change means is core's to say; here it is read and written."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from millhand_server.core.errors import InvalidArgument
from millhand_server.core.ports import Applied, CancelMark, Recovered, Retention
from millhand_server.core.task import Owner, Task
from millhand_server.core.transition import Transition, apply_to, cancel_requested, holds, lost
from millhand_server.store.expiry import expiry
from millhand_server.store.sqlite.rows import changed_columns
from millhand_server.store.sqlite.statements import Bulk, statement
from millhand_server.store.sqlite.writer import Desk
from millhand_server.store.weight import weight

_CHANGE = Bulk("change_task")
_HELD_BY_OTHERS = statement("held_by_others")


class Changes:
    """What one verb changes. Each row is written once, as it is in the end, however often it changed."""

    def __init__(self, desk: Desk, retention: Retention, now_us: int) -> None:
        self._desk = desk
        self._retention = retention
        self._now_us = now_us
        self._changed: dict[str, Task] = {}
        self._weights: dict[str, int] = {}

    def apply(self, transitions: Sequence[Transition]) -> list[Applied]:
        """See `TaskStore.apply`."""
        rows = self._desk.by_id([transition.task_id for transition in transitions])
        results: list[Applied] = []
        for transition in transitions:
            row = rows.get(transition.task_id)
            if row is None or not holds(transition, row):
                results.append(Applied(row, changed=False))
            else:
                changed = self._change(row, apply_to(row, transition, now_us=self._now_us))
                rows[changed.id] = changed
                results.append(Applied(changed, changed=True))
        self._write()
        return results

    def cancel(self, ids: Sequence[str], reason: str) -> list[CancelMark]:
        """See `TaskStore.cancel`."""
        rows = self._desk.by_id(ids)
        marks: list[CancelMark] = []
        for task_id in ids:
            row = rows.get(task_id)
            if row is None or row.is_final:
                marks.append(CancelMark(row, already_final=row is not None))
            else:
                changed = self._change(row, cancel_requested(row, reason, now_us=self._now_us))
                rows[task_id] = changed
                marks.append(CancelMark(changed, dequeued=changed.is_final))
        self._write()
        return marks

    def recover(self, owner: Owner, limit: int) -> Recovered:
        """See `TaskStore.recover`."""
        self._desk.lives.note(owner)
        held = self._desk.read(_HELD_BY_OTHERS, (owner.epoch, limit + 1))
        now_us = self._now_us
        tasks: list[Task] = []
        for row in held[:limit]:
            end = lost(row, seen_us=self._desk.lives.seen_us(row, now_us))
            tasks.append(self._change(row, apply_to(row, end, now_us=now_us)))
        self._write()
        return Recovered(tuple(tasks), more=len(held) > limit)

    def _change(self, old: Task, new: Task) -> Task:
        """Notes a changed row, and returns it as it is now: in the log, if it has become final."""
        if new.is_final:
            new = self._enter(new)
        self._desk.ledger.replaced(old, new)
        self._changed[new.id] = new
        return new

    def _enter(self, row: Task) -> Task:
        ledger = self._desk.ledger
        ledger.last_position += 1
        ledger.log_bytes += self._weights.setdefault(row.id, weight(row))
        row = msgspec.structs.replace(
            row,
            position=ledger.last_position,
            expire_us=expiry(row.status, self._now_us, self._retention),
        )
        self._desk.results.append(row)
        return row

    def _write(self) -> None:
        if not self._changed:
            return
        weights = self._weights
        try:
            self._desk.write(
                _CHANGE,
                [changed_columns(row, weights.get(task_id)) for task_id, row in self._changed.items()],
            )
        except (UnicodeEncodeError, OverflowError) as error:
            raise InvalidArgument(f"what became of a task cannot be stored: {error}") from None
        self._desk.cache.put(self._changed.values())
