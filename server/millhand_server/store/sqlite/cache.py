"""Rows that the writing thread will be asked for again soon, so that it need not read them."""

from __future__ import annotations

from collections.abc import Iterable

from millhand_server.core.task import Task

#: How many waiting rows are kept, and up to which size: those that nodes hold are kept anyway, and are few.
_WAITING = 1_000
_MAX_PAYLOAD_BYTES = 4_096


class RowCache:
    """Unfinished rows by id, as they are after the job at hand. Forgotten whenever something went wrong."""

    def __init__(self) -> None:
        self._rows: dict[str, Task] = {}
        self._waiting = 0

    def get(self, task_id: str) -> Task | None:
        """Returns the row if it is known, else None: then only the file can tell."""
        return self._rows.get(task_id)

    def put(self, rows: Iterable[Task]) -> None:
        """Takes in rows that are new or were changed."""
        known = self._rows
        for row in rows:
            task_id = row.spec.id
            before = known.pop(task_id, None)
            if before is not None and before.owner is None:
                self._waiting -= 1
            if row.owner is not None:
                known[task_id] = row
            elif self._waiting < _WAITING and row.complete_us is None and _is_small(row):
                known[task_id] = row
                self._waiting += 1

    def clear(self) -> None:
        self._rows.clear()
        self._waiting = 0


def _is_small(row: Task) -> bool:
    return len(row.spec.payload) <= _MAX_PAYLOAD_BYTES
