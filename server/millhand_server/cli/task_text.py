"""A task in words: its status, what is worth a note, its fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from millhand_server.cli.printing import moment, span

if TYPE_CHECKING:
    from millhand import Task, TaskStatus
    from millhand.v1.task_service_pb2 import ExplainReason

#: One status is too long for a column.
DEADLINE = "DEADLINE"


def status_of(message: Any) -> str:
    """Returns the name of the status in a task or an explanation."""
    from millhand import TaskStatus

    return TaskStatus(message.status).name


def short_name(status: TaskStatus) -> str:
    """Returns the name of a status as tables have it."""
    return DEADLINE if status.name == "CONTEXT_DEADLINE_REACHED" else status.name


def short_status_of(task: Task) -> str:
    """Returns the name of a task's status as tables have it."""
    from millhand import TaskStatus

    return short_name(TaskStatus(task.status))


def note_on(task: Task) -> str:
    """Returns what is worth a column: why it failed or was cancelled, how far it is, or that it is stuck."""
    if task.stuck:
        return "stuck: its code ignores the signal to stop"
    if task.HasField("error"):
        return str(task.error.message)
    if task.HasField("progress") and not task.HasField("complete_time"):
        return f"{task.progress.fraction:.0%} {task.progress.message}".rstrip()
    return ""


def reason_text(reason: ExplainReason) -> str:
    """Returns why a task does not run, in a sentence."""
    wait_s = reason.wait.ToNanoseconds() / 1e9
    return f"{reason.message} ({span(wait_s)} to go)" if wait_s else str(reason.message)


def fields_of(task: Task) -> Iterator[tuple[str, str]]:
    """Gives what there is to say of a task; a field that it does not have is empty."""
    yield "id", task.id
    yield "name", task.name
    yield "description", task.description
    yield "handler", task.handler
    yield "status", status_of(task)
    yield "note", note_on(task)
    yield "queue", task.queue
    yield "priority", str(task.priority)
    yield "labels", ", ".join(f"{key}={value}" for key, value in sorted(task.labels.items()))
    yield "attempt", _attempt(task)
    yield "created", moment(task.create_time)
    yield "due", moment(task.due_time)
    yield "started", moment(task.start_time)
    yield "ended", moment(task.complete_time)
    yield "cancel asked", moment(task.cancel_time)
    yield "cancel reason", task.cancel_reason
    yield "ran on" if task.HasField("complete_time") else "runs on", f"{task.node} {task.worker}".strip()
    yield "key", task.idempotency_key
    yield "correlation id", task.correlation_id


def attempts_of(task: Task) -> Iterator[tuple[str, ...]]:
    """Gives a row for each attempt that the task still knows: number, start, seconds, worker, error."""
    for attempt in task.attempts:
        ended = attempt.HasField("end_time")
        took = attempt.end_time.ToNanoseconds() - attempt.start_time.ToNanoseconds()
        yield (
            str(attempt.number),
            moment(attempt.start_time),
            f"{took / 1e9:.3f}" if ended else "",
            attempt.worker,
            attempt.error.message or ("" if ended else "runs"),
        )


def _attempt(task: Task) -> str:
    if not task.attempt:
        return ""
    used = task.retries_used
    return f"{task.attempt} (1 retry used)" if used == 1 else f"{task.attempt} ({used} retries used)"
