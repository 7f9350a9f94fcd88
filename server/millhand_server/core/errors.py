"""The errors a caller can meet. Each has a stable `reason`; callers branch on it, never on the text.

MillhandError
├── InvalidArgument
│   ├── InvalidTaskId, InvalidTaskFunc, InvalidPayload, PayloadTooLarge, CursorInvalid
├── NotFound: TaskNotFound
├── AlreadyExists
├── TaskAlreadyStarted, TaskCompleted, TaskCancelled, TaskTimeout
├── QueueFull, TooManyStreams, SlowReader
├── Closing, StoreUnavailable (StoreOutcomeUnknown)
├── Unauthenticated, PermissionDenied
├── Unsupported
└── InternalError
"""

from __future__ import annotations

from dataclasses import dataclass

#: The domain of our reasons in google.rpc.ErrorInfo.
DOMAIN = "millhand.v1"


@dataclass(frozen=True)
class Violation:
    """One thing wrong with a request: the path of the field, and a sentence that says what to do."""

    field: str
    description: str


class MillhandError(Exception):
    """The root. `metadata` and `violations` travel to the caller; `retry_after_s` says when to try again."""

    reason = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        field: str = "",
        violations: tuple[Violation, ...] = (),
        metadata: dict[str, str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.violations = violations or ((Violation(field, message),) if field else ())
        self.metadata = metadata or {}
        self.retry_after_s = retry_after_s


class InvalidArgument(MillhandError):
    """A value is out of bounds, malformed or missing; `violations` name the fields."""

    reason = "INVALID_ARGUMENT"


class InvalidTaskId(InvalidArgument):
    """A task id is missing, too long or not printable."""

    reason = "INVALID_TASK_ID"


class InvalidTaskFunc(InvalidArgument):
    """No handler has this name."""

    reason = "INVALID_TASK_FUNC"


class InvalidPayload(InvalidArgument):
    """A payload is malformed or does not fit its handler's input."""

    reason = "INVALID_PAYLOAD"


class PayloadTooLarge(InvalidArgument):
    """A payload is over `limits.max_payload_bytes`."""

    reason = "PAYLOAD_TOO_LARGE"


class CursorInvalid(InvalidArgument):
    """A cursor was not made by this service."""

    reason = "CURSOR_INVALID"


class NotFound(MillhandError):
    """The root of the errors about a thing that is not there."""


class TaskNotFound(NotFound):
    """No task has this id, or it is past its retention."""

    reason = "TASK_NOT_FOUND"

    def __init__(self, task_id: str, *, field: str = "") -> None:
        super().__init__(
            f"no task has the id {task_id!r}; it was never registered, or its retention is over",
            metadata={"task_id": task_id},
            violations=(Violation(field, "no such task"),) if field else (),
        )


class AlreadyExists(MillhandError):
    """The id or the idempotency key is taken by a task with other content, or another id."""

    reason = "ALREADY_EXISTS"

    def __init__(self, message: str, *, task_id: str, field: str) -> None:
        super().__init__(message, field=field, metadata={"task_id": task_id})


class TaskAlreadyStarted(MillhandError):
    """The task runs already, so that it cannot be executed a second time."""

    reason = "TASK_ALREADY_STARTED"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"task {task_id!r} is running; wait for its result instead", metadata={"task_id": task_id}
        )


class TaskCompleted(MillhandError):
    """The task has a final status already."""

    reason = "TASK_COMPLETED"

    def __init__(self, task_id: str, status: str) -> None:
        super().__init__(
            f"task {task_id!r} ended as {status}; read its result instead",
            metadata={"task_id": task_id, "status": status},
        )


class TaskCancelled(MillhandError):
    """The task was cancelled."""

    reason = "TASK_CANCELLED"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"task {task_id!r} was cancelled", metadata={"task_id": task_id, "status": "CANCELLED"}
        )


class TaskTimeout(MillhandError):
    """The wait for a task ended before the task did. `timeout` in the metadata says which limit it was."""

    reason = "TASK_TIMEOUT"

    def __init__(self, message: str, *, task_id: str, timeout: str = "wait") -> None:
        super().__init__(message, metadata={"task_id": task_id, "timeout": timeout})


class QueueFull(MillhandError):
    """The queue holds as many waiting tasks as it may."""

    reason = "QUEUE_FULL"

    def __init__(
        self, limit: int, *, in_bytes: bool = False, queue: str = "", retry_after_s: float = 1.0
    ) -> None:
        what = "bytes of tasks wait already, which is the limit (max_queued_bytes)"
        if not in_bytes:
            what = "tasks wait already, which is the limit (max_queued)"
        super().__init__(
            f"{limit} {what}; try again later",
            metadata={"limit": str(limit), "queue": queue},
            retry_after_s=retry_after_s,
        )


class TooManyStreams(MillhandError):
    """As many streams are open as the server allows."""

    reason = "TOO_MANY_STREAMS"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"{limit} streams are open already, the limit (max_streams); close one, or try again",
            metadata={"limit": str(limit)},
            retry_after_s=1.0,
        )


class SlowReader(MillhandError):
    """A stream with `slow_reader` DISCONNECT fell too far behind."""

    reason = "SLOW_READER"


class Closing(MillhandError):
    """The server is shutting down and takes no new work."""

    reason = "CLOSING"

    def __init__(self) -> None:
        super().__init__("the server is shutting down; try again, or another server", retry_after_s=1.0)


class StoreUnavailable(MillhandError):
    """The store did not do what it was asked, and nothing was changed."""

    reason = "STORE_UNAVAILABLE"

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class StoreOutcomeUnknown(StoreUnavailable):
    """The store may or may not have done what it was asked; only reading back can tell."""


class Unauthenticated(MillhandError):
    """Nobody knows who calls: the token is missing, malformed, unknown or withdrawn."""

    reason = "UNAUTHENTICATED"


class PermissionDenied(MillhandError):
    """The caller is known and may not do this; the message says which scope is missing."""

    reason = "PERMISSION_DENIED"


class Unsupported(MillhandError):
    """A field, value or call that this server does not honour (yet)."""

    reason = "UNSUPPORTED"


class InternalError(MillhandError):
    """A fault of ours. The text is fixed, so that nothing leaks; the log has the rest."""

    def __init__(self) -> None:
        super().__init__("internal error; the server's log has it under this call's request id")
