"""The memory store's log of results. What has to leave it, and when, is `retention`'s to say."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from millhand_server.core.ports import LogPage
from millhand_server.core.query import Seen, TaskFilter, matches
from millhand_server.core.task import Task
from millhand_server.store.memory.table import Table

#: How many results one read looks at, so that a filter that matches little does not hold up the loop.
_SCANNED = 2_000

#: The list's dead beginning is cut off in pieces of at least this length.
_CUT = 10_000


class ResultLog:
    """Final tasks by position: dense, in the order in which they became final, shortened from the start."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._tasks: list[Task | None] = []
        self._sizes = array("q")
        self._cut = 0
        self.first = 1
        #: The newest position; `first - 1` while the log is empty.
        self.last = 0

    def __len__(self) -> int:
        return self.last + 1 - self.first

    def append(self, task: Task, size: int) -> None:
        """Adds a final task, whose position must be the one after `last`, with its weight."""
        self._tasks.append(task)
        self._sizes.append(size)
        self.last += 1

    def oldest(self) -> Task | None:
        """Returns the oldest result, None when the log is empty."""
        return self._tasks[self._cut] if len(self) else None

    def drop_oldest(self) -> tuple[Task, int]:
        """Removes the oldest result and returns it and its weight.

        Raises:
            LookupError: the log is empty.
        """
        cut = self._cut
        task = self._tasks[cut] if self.first <= self.last else None
        if task is None:
            raise LookupError("the log is empty")
        size = self._sizes[cut]
        self._tasks[cut] = None
        self._cut = cut = cut + 1
        self.first += 1
        if cut >= _CUT and 2 * cut >= len(self._tasks):
            del self._tasks[:cut]
            del self._sizes[:cut]
            self._cut = 0
        return task, size

    def read(self, after: int, wanted: TaskFilter, *, limit: int, max_bytes: int) -> LogPage:
        """See `TaskStore.read_log`."""
        if after < self.first:
            after = self.first - 1
        candidates: Sequence[Task | None]
        if wanted.ids and len(wanted.ids) <= _SCANNED:
            candidates, seen_to = self._named(wanted.ids, after), max(after, self.last)
        else:
            start = self._cut + after + 1 - self.first
            candidates = self._tasks[start : start + _SCANNED]
            seen_to = after + len(candidates)
        found: list[Task] = []
        size = 0
        for task in candidates:
            if task is None or not matches(wanted, task, _FINAL_ONLY):
                continue
            size += len(task.output)
            if len(found) == limit or (found and size > max_bytes):
                # This one was looked at too, but the next page has to begin with it.
                seen_to = task.position - 1
                break
            found.append(task)
        return LogPage(tuple(found), seen_to, self.first, self.last)

    def _named(self, ids: Iterable[str], after: int) -> list[Task]:
        """Returns the results of these tasks after a position, in the log's order."""
        rows = (self._table.get(task_id) for task_id in ids)
        return sorted((row for row in rows if row is not None and row.position > after), key=_position)


#: A final status is shown as it is, whatever the time.
_FINAL_ONLY = Seen(now_us=0)


def _position(task: Task) -> int:
    return task.position
