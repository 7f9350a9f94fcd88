"""What a caller reads: results, gaps, progress, answers.

Tasks are the wire's own messages, typed and complete; a record exists where it adds a decoded value or an
error. A message's `status` is a number, whose name is `TaskStatus(task.status).name`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar, overload

from millhand.enums import CancelOutcome, TaskStatus
from millhand.errors import MillhandError, TaskDidNotComplete, UnexpectedOutput
from millhand.protocol import payloads, typed
from millhand.protocol.status import error_from_result, error_from_status
from millhand.v1 import task_pb2, task_service_pb2

_T = TypeVar("_T")


@dataclass(frozen=True)
class Result:
    """How a task ended. `message` is the wire's; everything else is read from it, decoded once."""

    message: task_pb2.Result

    @property
    def task(self) -> task_pb2.Task:
        return self.message.task

    @property
    def status(self) -> TaskStatus:
        return TaskStatus(self.message.task.status)

    @property
    def cursor(self) -> str:
        """Where this result stands in the log: give it as `after` to go on behind it."""
        return self.message.cursor

    @cached_property
    def output(self) -> Any:
        """What the handler returned; None if the task did not complete."""
        return payloads.decode(self.message.output)

    @cached_property
    def error(self) -> TaskDidNotComplete | None:
        """Why there is no output; None if the task completed."""
        return error_from_result(self.message)

    @overload
    def unwrap(self, result_type: type[_T]) -> _T: ...

    @overload
    def unwrap(self, result_type: None = None) -> Any: ...

    def unwrap(self, result_type: Any = None) -> Any:
        """The output, as a `result_type` if one is given: see the client's `execute`.

        Raises:
            TaskFailed, TaskCancelledError, TaskTimedOut: If the task ended without one.
            UnexpectedOutput: If the output is no `result_type`.
        """
        if self.error is not None:
            raise self.error
        if result_type is None:
            return self.output
        try:
            return typed.converter(result_type)(self.message.output)
        except UnexpectedOutput as unexpected:
            unexpected.metadata["task_id"] = self.task.id
            raise

    def __repr__(self) -> str:
        # Payloads never go into logs, and a repr is how they would.
        return f"Result({self.task.id}, {self.status.name}, cursor={self.cursor!r})"


@dataclass(frozen=True)
class CancelledTask:
    """A task that became CANCELLED, and its place in the log."""

    task: task_pb2.Task
    cursor: str


@dataclass(frozen=True)
class Gap:
    """Results that cannot be given any more: trimmed, or of a log that was replaced (`log_replaced`).

    `missed` is how many there were, None if nobody knows.
    """

    message: task_service_pb2.Gap
    cursor: str

    @property
    def missed(self) -> int | None:
        return self.message.missed if self.message.HasField("missed") else None

    @property
    def log_replaced(self) -> bool:
        return self.message.log_replaced


@dataclass(frozen=True)
class Progress:
    """How far an attempt is: the latest word of its handler, `fraction` from 0 to 1."""

    task_id: str
    attempt: int
    fraction: float
    message: str
    update_time: datetime


@dataclass(frozen=True)
class Registered:
    """What became of one task of a batch: either `task`, `created` unless it was known, or `error`."""

    task: task_pb2.Task | None
    created: bool = False
    error: MillhandError | None = None


@dataclass(frozen=True)
class CancelAnswer:
    """The answer to a cancel: what came of it, and the task after it."""

    outcome: CancelOutcome
    task: task_pb2.Task

    @property
    def status(self) -> TaskStatus:
        return TaskStatus(self.task.status)


@dataclass(frozen=True)
class CancelResult:
    """What became of one id of a batch of cancels: `outcome`, or `error`."""

    id: str
    outcome: CancelOutcome
    error: MillhandError | None = None


@dataclass(frozen=True)
class CancelledAll:
    """How many tasks met which outcome; at most 1000 ids of those that still ran when the wait was over."""

    counts: Mapping[CancelOutcome, int]
    still_running_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Waited:
    """`done` if no matching task was unfinished at one instant; `counts` is by status at the end."""

    done: bool
    counts: Mapping[TaskStatus, int]


@dataclass(frozen=True)
class ResultsPage:
    """A page of the log. `next_cursor` is never empty: ask again from there, also when the page is."""

    results: tuple[Result, ...]
    next_cursor: str
    gap: Gap | None


def progress_of(update: task_service_pb2.ProgressUpdate) -> Progress:
    latest = update.progress
    return Progress(
        task_id=update.task_id,
        attempt=update.attempt,
        fraction=latest.fraction,
        message=latest.message,
        update_time=latest.update_time.ToDatetime(UTC),
    )


def page_of(response: task_service_pb2.GetResultsResponse) -> ResultsPage:
    gap = Gap(response.gap, response.gap.to_cursor) if response.HasField("gap") else None
    return ResultsPage(tuple(Result(result) for result in response.results), response.next_cursor, gap)


def registered_of(result: task_service_pb2.RegisterResult) -> Registered:
    if result.HasField("error"):
        return Registered(None, error=error_from_status(result.error))
    return Registered(result.task, result.created)


def cancel_result_of(result: task_service_pb2.CancelResult) -> CancelResult:
    error = error_from_status(result.error) if result.HasField("error") else None
    return CancelResult(result.id, CancelOutcome(result.outcome), error)


def counts_by_status(counts: Iterable[task_pb2.StatusCount]) -> dict[TaskStatus, int]:
    return {TaskStatus(entry.status): entry.count for entry in counts}


def counts_by_outcome(counts: Iterable[task_service_pb2.CancelCount]) -> dict[CancelOutcome, int]:
    return {CancelOutcome(entry.outcome): entry.count for entry in counts}
