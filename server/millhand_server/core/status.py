"""The statuses of a task, and the one table of legal changes between them."""

from __future__ import annotations

from enum import IntEnum


class TaskStatus(IntEnum):
    """What a task is doing. The numbers are those of the wire contract and never change; 7 is reserved."""

    CONTEXT_DEADLINE_REACHED = 1
    RATE_LIMITED = 2
    CANCELLED = 3
    FAILED = 4
    QUEUED = 5
    RUNNING = 6
    COMPLETED = 8
    SCHEDULED = 9
    RETRYING = 10


#: Statuses that never change again; each task reaches exactly one of them.
FINAL = frozenset(
    {
        TaskStatus.CONTEXT_DEADLINE_REACHED,
        TaskStatus.CANCELLED,
        TaskStatus.FAILED,
        TaskStatus.COMPLETED,
    }
)

#: Statuses of a task that waits for an attempt.
WAITING = frozenset({TaskStatus.SCHEDULED, TaskStatus.QUEUED, TaskStatus.RATE_LIMITED, TaskStatus.RETRYING})

#: Changes that happen by the passing of time or of tokens. They are derived on read and never stored.
DERIVED: frozenset[tuple[TaskStatus, TaskStatus]] = frozenset(
    {
        (TaskStatus.SCHEDULED, TaskStatus.QUEUED),
        (TaskStatus.RETRYING, TaskStatus.QUEUED),
        (TaskStatus.QUEUED, TaskStatus.RATE_LIMITED),
        (TaskStatus.RATE_LIMITED, TaskStatus.QUEUED),
    }
)

_ENDS_OF_WAITING = frozenset({TaskStatus.RUNNING, TaskStatus.CANCELLED, TaskStatus.CONTEXT_DEADLINE_REACHED})

#: Every legal change of status. `docs/state-machine.md` shows this table, and a test compares the two.
TRANSITIONS: dict[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.SCHEDULED: frozenset({TaskStatus.QUEUED}) | _ENDS_OF_WAITING,
    TaskStatus.QUEUED: frozenset({TaskStatus.RATE_LIMITED}) | _ENDS_OF_WAITING,
    TaskStatus.RATE_LIMITED: frozenset({TaskStatus.QUEUED}) | _ENDS_OF_WAITING,
    TaskStatus.RETRYING: frozenset({TaskStatus.QUEUED}) | _ENDS_OF_WAITING,
    TaskStatus.RUNNING: FINAL | frozenset({TaskStatus.RETRYING, TaskStatus.QUEUED}),
    TaskStatus.CONTEXT_DEADLINE_REACHED: frozenset(),
    TaskStatus.CANCELLED: frozenset(),
    TaskStatus.FAILED: frozenset(),
    TaskStatus.COMPLETED: frozenset(),
}


def shown(stored: TaskStatus, due_us: int, now_us: int) -> TaskStatus:
    """Returns the status to show for a stored one: a wait for time ends by itself when the time comes.

    RATE_LIMITED is not decided here: only the dispatcher knows which head a limit holds back.
    """
    if stored in (TaskStatus.SCHEDULED, TaskStatus.RETRYING) and due_us <= now_us:
        return TaskStatus.QUEUED
    return stored
