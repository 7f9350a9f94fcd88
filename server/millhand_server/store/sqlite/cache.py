"""Rows that the writing thread will be asked for again soon, so that it need not read them."""

from __future__ import annotations

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

    def put(self, row: Task) -> None:
        """Takes in a row that is new or was changed."""
        task_id = row.id
        before = self._rows.pop(task_id, None)
        if before is not None and before.owner is None:
            self._waiting -= 1
        if row.owner is not None:
            self._rows[task_id] = row
        elif not row.is_final and self._waiting < _WAITING and len(row.spec.payload) <= _MAX_PAYLOAD_BYTES:
            self._rows[task_id] = row
            self._waiting += 1

    def clear(self) -> None:
        self._rows.clear()
        self._waiting = 0
