"""What the Python client raises. Branch on the class, on `code` or on `reason`; the text may change.

MillhandError
├── InvalidArgument (a ValueError)
│   └── InvalidTaskId, InvalidTaskFunc, InvalidPayload, PayloadTooLarge, CursorInvalid
├── NotFound: TaskNotFound, QueueNotFound, ScheduleNotFound
├── AlreadyExists
├── FailedPrecondition: TaskAlreadyStarted, TaskCompleted, LeaseLost
├── ResourceExhausted: QueueFull, RateLimited, TooManyStreams, SlowReader
├── DeadlineExceeded: WaitTimedOut
├── Unavailable: Closing, StoreUnavailable
├── Unauthenticated, PermissionDenied, Unsupported, InternalError
├── TaskDidNotComplete: TaskFailed (HandlerFailed, WorkerLost), TaskCancelledError, TaskTimedOut
├── UnexpectedOutput (a ValueError)
└── ResultsMissed, CallCancelled, ClientClosed, ClientForked
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import grpc

from millhand.enums import TaskStatus

if TYPE_CHECKING:
    from millhand.v1 import task_pb2, task_service_pb2


@dataclass(frozen=True)
class Violation:
    """One thing wrong with a request: the path of the field, and a sentence that says what to do."""

    field: str
    description: str


class MillhandError(Exception):
    """The root of everything below, and itself what an answer with an unknown code becomes.

    Attributes:
        code: The gRPC code of the answer; errors found before a call carry the code the server would give.
        reason: The stable name of the cause, as in errors.proto without its prefix; empty when the refusal
            came from the transport and not from a Millhand server.
        message: A sentence for a person.
        metadata: Facts about the cause, for instance `task_id`, `handler`, `queue`, `limit`.
        violations: The fields of the request that are wrong; empty unless the input is at fault.
        retry_after: How long to wait before the same call may succeed; None when waiting does not help.
        request_id: What the server's log calls this call; empty for errors found before a call.
    """

    code = grpc.StatusCode.UNKNOWN
    reason = ""

    def __init__(
        self,
        message: str = "",
        *,
        code: grpc.StatusCode | None = None,
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
        violations: tuple[Violation, ...] = (),
        retry_after: timedelta | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.reason = type(self).reason if reason is None else reason
        self.metadata = dict(metadata or {})
        self.violations = violations
        self.retry_after = retry_after
        self.request_id = request_id

    @property
    def unsaid(self) -> tuple[Violation, ...]:
        """The violations that the message does not tell of already; often it tells of the first."""
        return tuple(one for one in self.violations if not _says(self.message, one))

    def __str__(self) -> str:
        parts = [self.reason or self.code.name, ": ", self.message or "no message was given"]
        parts += [f"; {violation.field}: {violation.description}" for violation in self.unsaid]
        if self.request_id:
            parts.append(f" (request {self.request_id})")
        return "".join(parts)


def _says(message: str, violation: Violation) -> bool:
    """Whether a message has a violation in it, with its field or the end of it: the start may be implied."""
    steps = violation.field.split(".")
    fields = [".".join(steps[start:]) for start in range(len(steps))]
    sentences = [f"{field}{joint}{violation.description}" for field in fields for joint in (" ", ": ")]
    return message == violation.description or any(sentence in message for sentence in sentences)


class InvalidArgument(MillhandError, ValueError):
    """A value is out of bounds, malformed or missing; `violations` name the fields."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = "INVALID_ARGUMENT"


class InvalidTaskId(InvalidArgument):
    """A task id is missing, too long or not printable."""

    reason = "INVALID_TASK_ID"


class InvalidTaskFunc(InvalidArgument):
    """The server has no handler of that name; the message names those it has."""

    reason = "INVALID_TASK_FUNC"


class InvalidPayload(InvalidArgument):
    """A payload cannot be sent as it is, or does not fit what the handler takes."""

    reason = "INVALID_PAYLOAD"


class PayloadTooLarge(InvalidArgument):
    """A payload is larger than `info().limits.max_payload_bytes`."""

    reason = "PAYLOAD_TOO_LARGE"


class CursorInvalid(InvalidArgument):
    """A cursor is not one that this service ever gave."""

    reason = "CURSOR_INVALID"


class NotFound(MillhandError):
    """What was named does not exist, or no longer."""

    code = grpc.StatusCode.NOT_FOUND


class TaskNotFound(NotFound):
    """No such task: never registered, or past its retention."""

    reason = "TASK_NOT_FOUND"


class QueueNotFound(NotFound):
    """No such queue."""

    reason = "QUEUE_NOT_FOUND"


class ScheduleNotFound(NotFound):
    """No such schedule."""

    reason = "SCHEDULE_NOT_FOUND"


class AlreadyExists(MillhandError):
    """The id or the idempotency key belongs to a task with other content."""

    code = grpc.StatusCode.ALREADY_EXISTS
    reason = "ALREADY_EXISTS"


class FailedPrecondition(MillhandError):
    """The task's status does not allow the operation."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class TaskAlreadyStarted(FailedPrecondition):
    """A task that is to be executed by id already runs."""

    reason = "TASK_ALREADY_STARTED"


class TaskCompleted(FailedPrecondition):
    """A task that is to be executed by id is already final; `metadata["status"]` says how it ended."""

    reason = "TASK_COMPLETED"


class LeaseLost(FailedPrecondition):
    """A worker answered for a task that is no longer its own."""

    reason = "LEASE_LOST"


class ResourceExhausted(MillhandError):
    """A limit is reached, of the server or of the transport (a message that is too large)."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class QueueFull(ResourceExhausted):
    """The queue holds as many tasks as it may; `retry_after` says when to try again."""

    reason = "QUEUE_FULL"


class RateLimited(ResourceExhausted):
    """Too many calls; `retry_after` says when to try again."""

    reason = "RATE_LIMITED"


class TooManyStreams(ResourceExhausted):
    """The server has as many streams open as it may."""

    reason = "TOO_MANY_STREAMS"


class SlowReader(ResourceExhausted):
    """The server ended a stream whose reader did not keep up; it can be resumed by cursor."""

    reason = "SLOW_READER"


class DeadlineExceeded(MillhandError):
    """No answer came in time. What was asked for may have happened."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class WaitTimedOut(DeadlineExceeded):
    """The wait for a task is over, not the task: it goes on unless it was to be cancelled."""

    reason = "TASK_TIMEOUT"


class Unavailable(MillhandError):
    """The server cannot be reached or does not serve now."""

    code = grpc.StatusCode.UNAVAILABLE


class Closing(Unavailable):
    """The server is shutting down."""

    reason = "CLOSING"


class StoreUnavailable(Unavailable):
    """The server has lost its store for now."""

    reason = "STORE_UNAVAILABLE"


class Unauthenticated(MillhandError):
    """The token is missing or unknown."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


class PermissionDenied(MillhandError):
    """The token does not have the scope that the call needs."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "PERMISSION_DENIED"


class Unsupported(MillhandError):
    """The server does not honour a field, a value or a call (yet); the message names it."""

    code = grpc.StatusCode.UNIMPLEMENTED
    reason = "UNSUPPORTED"


class InternalError(MillhandError):
    """A fault of the server; its log has the traceback under `request_id`."""

    code = grpc.StatusCode.INTERNAL
    reason = "INTERNAL"


class TaskDidNotComplete(MillhandError):
    """A task ended without an output. `reason` and `message` are the handler's own where it gave them."""

    #: The whole result; None when a call was refused because the task had ended so before.
    result: task_pb2.Result | None = None

    @property
    def task(self) -> task_pb2.Task | None:
        """The task as it ended, where the server told."""
        return self.result.task if self.result is not None else None

    @property
    def status(self) -> TaskStatus | None:
        """The status that the task ended with, where the server told."""
        return TaskStatus(self.result.task.status) if self.result is not None else None


class TaskFailed(TaskDidNotComplete):
    """The task FAILED; a handler that raised `Fatal` gives its own `reason`."""

    code = grpc.StatusCode.INTERNAL


class HandlerFailed(TaskFailed):
    """The handler raised and no retry was left."""

    reason = "HANDLER_FAILED"


class WorkerLost(TaskFailed):
    """The task's worker died under it again and again."""

    reason = "WORKER_LOST"


class TaskCancelledError(TaskDidNotComplete):
    """The task was CANCELLED."""

    code = grpc.StatusCode.CANCELLED
    reason = "TASK_CANCELLED"


class TaskTimedOut(TaskDidNotComplete):
    """The task itself ran out of time (CONTEXT_DEADLINE_REACHED); `metadata["timeout"]` says which limit."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED
    reason = "TASK_TIMEOUT"


class UnexpectedOutput(MillhandError, ValueError):
    """A task completed, and its output is not what `result_type` asked for; `violations` say where.

    Asking again gives the same: read the output without a type, or with the one that the handler returns.
    """

    code = grpc.StatusCode.FAILED_PRECONDITION


class ResultsMissed(MillhandError):
    """A stream that was asked to raise at a gap met one; `gap` says what cannot be given any more."""

    code = grpc.StatusCode.DATA_LOSS
    gap: task_service_pb2.Gap | None = None


class CallCancelled(MillhandError):
    """The call was cancelled on this side, for instance because the client was closed."""

    code = grpc.StatusCode.CANCELLED


class ClientClosed(MillhandError):
    """The client or the session is closed."""

    code = grpc.StatusCode.CANCELLED


class ClientForked(MillhandError):
    """The client was made before a fork and is used after it; gRPC cannot do that."""

    code = grpc.StatusCode.FAILED_PRECONDITION
