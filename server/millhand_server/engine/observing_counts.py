"""Counts what happens to tasks, by queue and handler. How the numbers are shown is not known here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from millhand_server.core.distribution import Distribution
from millhand_server.core.ports import CancelMark, Change
from millhand_server.core.status import FINAL, TaskStatus
from millhand_server.core.task import Task

#: The queue and handler that stand for all beyond the cap.
OTHER = ("(other)", "(other)")

#: Upper ends in microseconds: a millisecond to a quarter of an hour and more.
DURATIONS_US = tuple(
    round(seconds * 1e6)
    for seconds in (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
)

#: Pairs of queue and handler that are told apart, beside those known at the start.
MAX_PAIRS = 200


class PairCounts:
    """The numbers of one queue and handler.

    `runs` is the time of attempts' code by the status that the task took with the attempt's end: RETRYING
    when another one follows, QUEUED when it was interrupted, else the final one. `waits` is from the time a
    task was due to its start, once an attempt.
    """

    __slots__ = ("accepted", "ended", "runs", "waits")

    def __init__(self) -> None:
        self.accepted = 0
        self.ended: Counter[TaskStatus] = Counter()
        self.waits = Distribution(DURATIONS_US)
        self.runs: dict[TaskStatus, Distribution] = {}

    def run(self, status: TaskStatus) -> Distribution:
        """Returns the times of attempts that ended so."""
        run = self.runs.get(status)
        if run is None:
            run = self.runs[status] = Distribution(DURATIONS_US)
        return run


class TaskCounts:
    """An `Observer`. The names of queues are callers' to choose: only so many are told apart."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = (), *, max_pairs: int = MAX_PAIRS) -> None:
        """Takes pairs of queue and handler to show from the start; they do not count towards the cap."""
        self._pairs = {pair: PairCounts() for pair in (*pairs, OTHER)}
        self._room = max_pairs

    def __iter__(self) -> Iterator[tuple[tuple[str, str], PairCounts]]:
        """Iterates over (queue, handler) and its numbers."""
        return iter(self._pairs.items())

    def accepted(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self._of(task).accepted += 1

    def changed(self, changes: Sequence[Change]) -> None:
        for change in changes:
            after, attempt = change.after, change.transition.attempt
            status = after.status
            if attempt is not None:
                counts = self._of(after)
                counts.waits.observe(max(0, attempt.start_us - change.before.due_us))
                counts.run(status).observe(max(0, attempt.end_us - attempt.start_us))
                if status in FINAL:
                    counts.ended[status] += 1
            elif status in FINAL:
                self._of(after).ended[status] += 1

    def cancelled(self, marks: Sequence[CancelMark]) -> None:
        for mark in marks:
            if mark.dequeued and mark.task is not None:
                self._of(mark.task).ended[TaskStatus.CANCELLED] += 1

    def _of(self, task: Task) -> PairCounts:
        pair = (task.queue, task.spec.handler)
        return self._pairs.get(pair) or self._add(pair)

    def _add(self, pair: tuple[str, str]) -> PairCounts:
        if self._room <= 0:
            return self._pairs[OTHER]
        self._room -= 1
        counts = self._pairs[pair] = PairCounts()
        return counts
