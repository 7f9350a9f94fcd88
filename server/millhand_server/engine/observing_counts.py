"""Counts what happens to tasks, by queue and handler. How the numbers are shown is not known here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from millhand_server.core.distribution import DoublingDistribution
from millhand_server.core.ports import CancelMark, Change
from millhand_server.core.status import FINAL, TaskStatus
from millhand_server.core.task import Task

#: The queue and handler that stand for all beyond the cap.
OTHER = ("(other)", "(other)")

#: Durations in microseconds are told apart from a millisecond to over an hour, by powers of two.
_SHORTEST, _LONGEST = 10, 32

#: Pairs of queue and handler that are told apart, beside those known at the start.
MAX_PAIRS = 200


class PairCounts:
    """The numbers of one queue and handler.

    `runs` is the time of attempts' code by the status that the task took with the attempt's end: RETRYING
    when another one follows, QUEUED when it was interrupted, else the final one. `waits` is from the time a
    task was due to its start, once an attempt. Both in microseconds.
    """

    __slots__ = ("_ended_waiting", "accepted", "runs", "waits")

    def __init__(self) -> None:
        self.accepted = 0
        self.waits = _durations()
        self.runs: dict[TaskStatus, DoublingDistribution] = {}
        self._ended_waiting: Counter[TaskStatus] = Counter()

    def ended(self, status: TaskStatus) -> int:
        """Returns how many tasks have ended so."""
        run = self.runs.get(status)
        return self._ended_waiting[status] + (0 if run is None else run.count())

    def add_run(self, status: TaskStatus, wait_us: int, run_us: int) -> None:
        self.waits.observe(wait_us)
        run = self.runs.get(status)
        if run is None:
            run = self.runs[status] = _durations()
        run.observe(run_us)

    def add_end(self, status: TaskStatus) -> None:
        """Counts a task that ended without an attempt."""
        self._ended_waiting[status] += 1


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
            if attempt is not None:
                wait_us = attempt.start_us - change.before.due_us
                self._of(after).add_run(after.status, wait_us, attempt.end_us - attempt.start_us)
            elif after.status in FINAL:
                self._of(after).add_end(after.status)

    def cancelled(self, marks: Sequence[CancelMark]) -> None:
        for mark in marks:
            if mark.dequeued and mark.task is not None:
                self._of(mark.task).add_end(TaskStatus.CANCELLED)

    def recovered(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            if task.status in FINAL:
                self._of(task).add_end(task.status)

    def _of(self, task: Task) -> PairCounts:
        pair = (task.queue, task.spec.handler)
        return self._pairs.get(pair) or self._add(pair)

    def _add(self, pair: tuple[str, str]) -> PairCounts:
        if self._room <= 0:
            return self._pairs[OTHER]
        self._room -= 1
        counts = self._pairs[pair] = PairCounts()
        return counts


def _durations() -> DoublingDistribution:
    return DoublingDistribution(_SHORTEST, _LONGEST)
