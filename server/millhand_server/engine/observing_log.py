"""Writes a line of log for what happens to tasks, with the ids that tie it to others. Never a payload.

Tasks that end well, and the steps on the way there, are told at DEBUG: a line costs half as much as a task.
INFO has what someone may come to ask about.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from millhand_server.core.ports import CancelMark, Change
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Task
from millhand_server.core.trace import trace_id

logger = logging.getLogger("millhand.tasks")

#: What a change is called, by the status it led to.
_NAMES = {
    TaskStatus.RUNNING: "started",
    TaskStatus.COMPLETED: "completed",
    TaskStatus.FAILED: "failed",
    TaskStatus.CANCELLED: "cancelled",
    TaskStatus.CONTEXT_DEADLINE_REACHED: "timed out",
    TaskStatus.RETRYING: "retrying",
}

_AT_DEBUG = frozenset({"started", "completed", "returned"})


class TransitionLog:
    """An `Observer`."""

    def accepted(self, tasks: Sequence[Task]) -> None:
        if logger.isEnabledFor(logging.DEBUG):
            for task in tasks:
                _write(logging.DEBUG, "accepted", task)

    def changed(self, changes: Sequence[Change]) -> None:
        is_wordy = logger.isEnabledFor(logging.DEBUG)
        for change in changes:
            name = _name(change)
            if name not in _AT_DEBUG:
                _write(logging.INFO, name, change.after, **_facts(change))
            elif is_wordy:
                _write(logging.DEBUG, name, change.after, **_facts(change))

    def cancelled(self, marks: Sequence[CancelMark]) -> None:
        # Whoever asked has the answer, and a whole queue may be cancelled at once. What a request does to
        # running code is told when that has ended.
        if logger.isEnabledFor(logging.DEBUG):
            for mark in marks:
                if mark.task is not None:
                    _write(logging.DEBUG, "cancelled" if mark.dequeued else "cancel requested", mark.task)

    def recovered(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            reason = {} if task.error is None else {"reason": task.error.reason}
            _write(logging.INFO, _NAMES.get(task.status, "recovered"), task, losses=task.losses, **reason)


def names_of(task: Task) -> dict[str, Any]:
    """Returns what a line about a task carries beside its words."""
    spec = task.spec
    names: dict[str, Any] = {
        "task_id": spec.id,
        "attempt": task.attempt,
        "handler": spec.handler,
        "queue": task.queue,
    }
    if spec.correlation_id:
        names["correlation_id"] = spec.correlation_id
    if spec.traceparent and (trace := trace_id(spec.traceparent)):
        names["trace_id"] = trace
    return names


def _name(change: Change) -> str:
    name = _NAMES.get(change.after.status)
    if name is None:
        # Waiting again: after an attempt that was cut off, or without one.
        return "returned" if change.transition.attempt is None else "interrupted"
    return name


def _facts(change: Change) -> dict[str, Any]:
    attempt, error = change.transition.attempt, change.after.error or change.transition.error
    facts: dict[str, Any] = {}
    if attempt is not None:
        facts["run_ms"] = (attempt.end_us - attempt.start_us) / 1_000
        facts["wait_ms"] = max(0, attempt.start_us - change.before.due_us) / 1_000
        facts["worker"] = attempt.worker
    if error is not None:
        facts["reason"] = error.reason
    return facts


def _write(level: int, name: str, task: Task, **facts: Any) -> None:
    if logger.isEnabledFor(level):
        logger.log(level, "task %s", name, extra={"transition": name, **names_of(task), **facts})
