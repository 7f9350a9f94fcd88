"""The wire's enums that callers meet, with names."""

from __future__ import annotations

from enum import IntEnum


class _WireEnum(IntEnum):
    @classmethod
    def _missing_(cls, value: object) -> _WireEnum:
        # A newer server may send a number that is not known here: that must not break the reader.
        return cls(0)


class TaskStatus(_WireEnum):
    """What a task is doing; `final` ones never change. UNSPECIFIED stands for a newer server's number."""

    UNSPECIFIED = 0
    CONTEXT_DEADLINE_REACHED = 1
    RATE_LIMITED = 2
    CANCELLED = 3
    FAILED = 4
    QUEUED = 5
    RUNNING = 6
    COMPLETED = 8
    SCHEDULED = 9
    RETRYING = 10

    @property
    def final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset(
    {TaskStatus.CONTEXT_DEADLINE_REACHED, TaskStatus.CANCELLED, TaskStatus.FAILED, TaskStatus.COMPLETED}
)


class CancelOutcome(_WireEnum):
    """What came of a request to cancel. UNSPECIFIED only stands for a newer server's number."""

    UNSPECIFIED = 0
    DEQUEUED = 1
    SIGNALLED = 2
    STOPPED = 3
    KILLED = 4
    ALREADY_FINAL = 5
    NOT_STOPPABLE = 6
