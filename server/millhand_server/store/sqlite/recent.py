"""The newest results, kept in memory: those who follow the log need not read them back from the file."""

from __future__ import annotations

from collections.abc import Sequence

from millhand_server.core.ports import LogPage
from millhand_server.core.query import Seen, TaskFilter, matches
from millhand_server.core.task import Task
from millhand_server.store.weight import weight

#: How many results are kept at most, and how many bytes of them.
_MOST = 4_000
_MOST_BYTES = 8 * 1024 * 1024

#: A final status is shown as it is, whatever the time.
_FINAL_ONLY = Seen(now_us=0)


class RecentResults:
    """The end of the log as far as commits were answered. Belongs to the event loop.

    What it says of the log's bounds holds for reads of the file too: a commit whose answer is on its way is
    seen by nobody yet.
    """

    def __init__(self, first: int, last: int) -> None:
        """Takes the bounds of the log as it was opened."""
        self.first = first
        self.last = last
        self._tasks: list[Task] = []
        self._sizes: list[int] = []
        self._bytes = 0
        #: How many at the beginning of the lists are let go.
        self._cut = 0

    def add(self, tasks: Sequence[Task], first: int, last: int) -> None:
        """Takes in what a commit has added, and the log's bounds after it."""
        self.first, self.last = first, last
        sizes = [weight(task) for task in tasks]
        self._tasks += tasks
        self._sizes += sizes
        self._bytes += sum(sizes)
        while len(self._tasks) - self._cut > _MOST or self._bytes > _MOST_BYTES:
            self._bytes -= self._sizes[self._cut]
            self._cut += 1
        if self._cut > _MOST:
            del self._tasks[: self._cut], self._sizes[: self._cut]
            self._cut = 0

    def read(self, after: int, wanted: TaskFilter, *, limit: int, max_bytes: int) -> LogPage | None:
        """See `TaskStore.read_log`; None when only the file has what comes next."""
        after = max(after, self.first - 1)
        start = len(self._tasks) - max(self.last - after, 0)
        if start < self._cut:
            return None
        found: list[Task] = []
        until, size = max(after, self.last), 0
        for task in self._tasks[start:]:
            if not matches(wanted, task, _FINAL_ONLY):
                continue
            size += len(task.output) + len(task.spec.payload)
            if len(found) == limit or (found and size > max_bytes):
                # This one was looked at too, but the next page has to begin with it.
                until = task.position - 1
                break
            found.append(task)
        return LogPage(tuple(found), until, self.first, self.last)
