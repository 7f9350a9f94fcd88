"""Changes of tasks as an engine would tell them."""

from __future__ import annotations

from typing import Any

from tests.fakes.tasks import OWNER, handler_failed, new_task

from millhand_server.core import transition
from millhand_server.core.ports import CancelMark, Change
from millhand_server.core.task import Attempt, Task, TaskError
from millhand_server.core.transition import NOTHING_REPORTED, Transition, apply_to, cancel_requested, claimed
from millhand_server.store.acceptance import first_row

#: When the tasks here are due, when their code begins and when it ends, in microseconds.
DUE_US, START_US, END_US = 1_000_000, 1_250_000, 4_250_000


def waiting(task_id: str = "t1", **fields: Any) -> Task:
    return first_row(new_task(task_id, **fields), sequence=1, now_us=DUE_US)


def held(**fields: Any) -> Task:
    return claimed(waiting(**fields), OWNER)


def change(row: Task, made: Transition) -> Change:
    return Change(made, row, apply_to(row, made, now_us=END_US))


def started(**fields: Any) -> Change:
    row = held(**fields)
    return change(row, transition.started(row.key, at_us=START_US, worker="w-1"))


def completed(**fields: Any) -> Change:
    row = held(**fields)
    return change(row, transition.completed(row.key, attempt(row), b"output", NOTHING_REPORTED))


def failed(**fields: Any) -> Change:
    row = held(**fields)
    return change(row, transition.failed(row.key, attempt(row, handler_failed()), NOTHING_REPORTED))


def retrying(**fields: Any) -> Change:
    row = held(**fields)
    again = attempt(row, handler_failed())
    return change(
        row, transition.retrying(row.key, again, NOTHING_REPORTED, delay_us=1_000_000, uses_retry=True)
    )


def interrupted(**fields: Any) -> Change:
    row = held(**fields)
    return change(row, transition.interrupted(row.key, attempt(row, handler_failed()), NOTHING_REPORTED))


def returned(**fields: Any) -> Change:
    row = held(**fields)
    return change(row, transition.returned(row.key))


def overdue(**fields: Any) -> Change:
    row = waiting(**fields)
    return change(row, transition.overdue(row.id, transition.timeout_error("start", "too late")))


def stopped(**fields: Any) -> Change:
    row = cancel_requested(held(**fields), "changed my mind", now_us=START_US)
    error = transition.cancelled_error("")
    return change(row, transition.cancelled(row.key, attempt(row, error), NOTHING_REPORTED))


def dequeued(**fields: Any) -> CancelMark:
    return CancelMark(cancel_requested(waiting(**fields), "", now_us=START_US), dequeued=True)


def signalled(**fields: Any) -> CancelMark:
    return CancelMark(cancel_requested(held(**fields), "", now_us=START_US))


def attempt(row: Task, error: TaskError | None = None) -> Attempt:
    return Attempt(row.attempt, "node-1", "w-1", START_US, END_US, error)
