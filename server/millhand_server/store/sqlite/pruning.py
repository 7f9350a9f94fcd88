"""Removes what is past its retention, in steps that the writer has time for between two groups."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from millhand_server.core.ports import Pruned, Retention
from millhand_server.core.status import TaskStatus
from millhand_server.store.expiry import is_past
from millhand_server.store.sqlite.ledger import Ledger
from millhand_server.store.sqlite.statements import statement
from millhand_server.store.sqlite.writer import Desk, as_json

_OLDEST_RESULTS = statement("oldest_results")
_OLDEST_FAILED = statement("oldest_failed")
_DELETES = (statement("delete_tasks"), statement("delete_specifications"))

#: How many results and rows one step looks at.
_STEP = 500


def prune(desk: Desk, retention: Retention, now_us: int) -> Pruned:
    """See `TaskStore.prune`."""
    step = _Step(desk, retention, now_us)
    more = step.run()
    if step.gone:
        sequences = as_json(step.gone)
        for delete in _DELETES:
            desk.execute(delete, (sequences,))
        desk.ledger.tasks -= len(step.gone)
    return Pruned(step.trimmed, len(step.gone), more)


class _Result(NamedTuple):
    position: int
    sequence: int
    status: int
    complete_us: int
    weight: int


class _Step:
    """Decides what goes, oldest first: results leave the log, and rows with them, but FAILED ones stay."""

    def __init__(self, desk: Desk, retention: Retention, now_us: int) -> None:
        self.gone: list[int] = []
        self.trimmed = 0
        self._retention = retention
        self._now_us = now_us
        self._ledger: Ledger = desk.ledger
        first = self._ledger.first_position
        self._log = _read(desk, _OLDEST_RESULTS, first)
        self._failed = _read(desk, _OLDEST_FAILED, first)

    def run(self) -> bool:
        """Goes through one step; True when there is more to remove."""
        for _ in range(_STEP):
            if self._is_over():
                self._remove_one()
            elif self._log and self._is_past(self._log[0], self._retention.age_us):
                self._trim()
            elif self._failed and self._is_past(self._failed[0], self._retention.failed_age_us):
                self._drop_failed()
            else:
                return False
        return True

    def _is_over(self) -> bool:
        limit, ledger = self._retention, self._ledger
        if limit.count and max(ledger.results, ledger.failed_count) > limit.count:
            return True
        size = ledger.log_bytes + ledger.failed_bytes
        # The newest result stays, whatever its size.
        return bool(limit.bytes and size > limit.bytes and (ledger.results > 1 or ledger.failed_count))

    def _remove_one(self) -> None:
        limit, ledger = self._retention, self._ledger
        too_many_failed = limit.count and ledger.failed_count > limit.count
        too_large_failed = limit.bytes and ledger.failed_bytes > limit.bytes // 2
        if too_many_failed or too_large_failed or ledger.results <= 1:
            self._drop_failed()
        else:
            self._trim()

    def _trim(self) -> None:
        result = self._log.popleft()
        self.trimmed += 1
        self._ledger.first_position += 1
        self._ledger.log_bytes -= result.weight
        if result.status == TaskStatus.FAILED:
            self._ledger.failed_count += 1
            self._ledger.failed_bytes += result.weight
            self._failed.append(result)
        else:
            self.gone.append(result.sequence)

    def _drop_failed(self) -> None:
        result = self._failed.popleft()
        self._ledger.failed_count -= 1
        self._ledger.failed_bytes -= result.weight
        self.gone.append(result.sequence)

    def _is_past(self, result: _Result, age_us: int) -> bool:
        return is_past(result.complete_us, age_us, self._now_us)


def _read(desk: Desk, sql: str, first: int) -> deque[_Result]:
    return deque(_Result(*row) for row in desk.execute(sql, (first, _STEP)))
