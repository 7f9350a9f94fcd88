"""How much the memory store keeps: what leaves the log, and which rows go with it."""

from __future__ import annotations

from collections import deque

import msgspec

from millhand_server.core.ports import Pruned, Retention
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Task
from millhand_server.store.expiry import expiry, is_past
from millhand_server.store.memory.log import ResultLog
from millhand_server.store.memory.table import Table
from millhand_server.store.weight import weight

#: How many results one step of pruning removes at most.
_STEP = 2_000


class Archive:
    """The final tasks: those in the log, and the FAILED ones that outlive their place in it.

    Rows leave with their results, and FAILED ones later. All of them together keep within the bounds; the
    FAILED ones outside the log may take half of the bytes. The newest result always stays.
    """

    def __init__(self, table: Table, retention: Retention) -> None:
        self.log = ResultLog(table)
        self._table = table
        self._retention = retention
        self._failed: deque[Task] = deque()
        self._log_bytes = 0
        self._failed_bytes = 0

    def enter(self, row: Task, now_us: int) -> Task:
        """Returns the row of a task that has become final, with its place and its time to go.

        The caller puts it into the table, and calls `shrink` then.
        """
        entered = msgspec.structs.replace(
            row, position=self.log.last + 1, expire_us=expiry(row.status, now_us, self._retention)
        )
        self.log.append(entered)
        self._log_bytes += weight(entered)
        return entered

    def shrink(self) -> None:
        """Removes what is over the limits of count and bytes."""
        while self._is_over(self._retention):
            self._remove_one(self._retention)

    def prune(self, retention: Retention, now_us: int) -> Pruned:
        """Removes what is over any limit, in a step that leaves the rest for the next one."""
        results, rows = len(self.log), len(self._table)
        for _ in range(_STEP):
            if self._is_over(retention):
                self._remove_one(retention)
            elif self._oldest_is_past(retention, now_us):
                self._trim()
            elif self._failed and _is_past(self._failed[0], now_us, retention.failed_age_us):
                self._drop_failed()
            else:
                more = False
                break
        else:
            more = True
        return Pruned(results - len(self.log), rows - len(self._table), more)

    def _is_over(self, limit: Retention) -> bool:
        if limit.count and max(len(self.log), len(self._failed)) > limit.count:
            return True
        removable = len(self.log) > 1 or self._failed
        return bool(removable and limit.bytes and self._log_bytes + self._failed_bytes > limit.bytes)

    def _remove_one(self, limit: Retention) -> None:
        too_many_failed = limit.count and len(self._failed) > limit.count
        too_large_failed = limit.bytes and self._failed_bytes > limit.bytes // 2
        if too_many_failed or too_large_failed or len(self.log) <= 1:
            self._drop_failed()
        else:
            self._trim()

    def _oldest_is_past(self, limit: Retention, now_us: int) -> bool:
        oldest = self.log.oldest()
        return oldest is not None and _is_past(oldest, now_us, limit.age_us)

    def _trim(self) -> None:
        task = self.log.drop_oldest()
        size = weight(task)
        self._log_bytes -= size
        if task.status is TaskStatus.FAILED:
            self._failed.append(task)
            self._failed_bytes += size
        else:
            self._table.remove(task)

    def _drop_failed(self) -> None:
        task = self._failed.popleft()
        self._failed_bytes -= weight(task)
        self._table.remove(task)


def _is_past(task: Task, now_us: int, age_us: int) -> bool:
    return task.complete_us is not None and is_past(task.complete_us, age_us, now_us)
