"""How much the memory store keeps: what leaves the log, and which rows go with it."""

from __future__ import annotations

import sys
from collections import deque

from msgspec.structs import force_setattr, replace

from millhand_server.core.ports import Pruned, Retention
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Task
from millhand_server.store.expiry import is_past
from millhand_server.store.memory.log import ResultLog
from millhand_server.store.memory.table import Table
from millhand_server.store.weight import ROW_BYTES, happened

#: CPython 3.11 looks a member up by its name each time, which takes ten times as long as this.
_FAILED = TaskStatus.FAILED

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
        self._bounds = _bounds(retention)
        self._failed: deque[tuple[Task, int]] = deque()
        # A FAILED row goes when both ages have passed. 0 is no age.
        ages = (retention.age_us, retention.failed_age_us)
        self._keep_us = retention.age_us
        self._keep_failed_us = max(ages) if all(ages) else 0
        self._log_bytes = 0
        self._failed_bytes = 0

    def enter(self, row: Task, asked_bytes: int, now_us: int) -> None:
        """Takes in the new row of a task that has become final, and gives it its place and its time to go.

        Nobody may have seen it yet. The caller calls `shrink` when it has done all that it has to do.
        """
        log = self.log
        keep_us = self._keep_failed_us if row.status is _FAILED else self._keep_us
        force_setattr(row, "position", log.last + 1)
        force_setattr(row, "expire_us", now_us + keep_us if keep_us else None)
        size = ROW_BYTES + asked_bytes + happened(row)
        log.append(row, size)
        self._log_bytes += size

    def shrink(self) -> None:
        """Removes what is over the limits of count and bytes."""
        while self._is_over(self._bounds):
            self._remove_one(self._bounds)

    def prune(self, retention: Retention, now_us: int) -> Pruned:
        """Removes what is over any limit, in a step that leaves the rest for the next one."""
        bounds = _bounds(retention)
        results, rows = len(self.log), len(self._table)
        for _ in range(_STEP):
            if self._is_over(bounds):
                self._remove_one(bounds)
            elif self._oldest_is_past(retention, now_us):
                self._trim()
            elif self._failed and _is_past(self._failed[0][0], now_us, retention.failed_age_us):
                self._drop_failed()
            else:
                more = False
                break
        else:
            more = True
        return Pruned(results - len(self.log), rows - len(self._table), more)

    def _is_over(self, limit: Retention) -> bool:
        log = self.log
        results, failed = log.last + 1 - log.first, len(self._failed)
        if results > limit.count or failed > limit.count:
            return True
        return self._log_bytes + self._failed_bytes > limit.bytes and (results > 1 or failed > 0)

    def _remove_one(self, limit: Retention) -> None:
        failed = len(self._failed)
        is_failed_over = failed > limit.count or self._failed_bytes > limit.bytes // 2
        if failed and (is_failed_over or len(self.log) <= 1):
            self._drop_failed()
        else:
            self._trim()

    def _oldest_is_past(self, limit: Retention, now_us: int) -> bool:
        oldest = self.log.oldest()
        return oldest is not None and _is_past(oldest, now_us, limit.age_us)

    def _trim(self) -> None:
        task, size = self.log.drop_oldest()
        self._log_bytes -= size
        if task.status is _FAILED:
            self._failed.append((task, size))
            self._failed_bytes += size
        else:
            self._table.remove(task)

    def _drop_failed(self) -> None:
        task, size = self._failed.popleft()
        self._failed_bytes -= size
        self._table.remove(task)


def _bounds(retention: Retention) -> Retention:
    """Returns the retention with a number that is never reached where 0 stands for no limit."""
    return replace(retention, count=retention.count or sys.maxsize, bytes=retention.bytes or sys.maxsize)


def _is_past(task: Task, now_us: int, age_us: int) -> bool:
    return task.complete_us is not None and is_past(task.complete_us, age_us, now_us)
