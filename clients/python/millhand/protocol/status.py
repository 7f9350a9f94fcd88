"""Statuses on the wire to exceptions: by reason where a Millhand server gave one, else by code."""

from __future__ import annotations

from typing import TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

# The package has stubs but no py.typed marker.
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from millhand import errors
from millhand.v1 import errors_pb2, task_pb2

#: The trailing metadata in which gRPC carries a google.rpc.Status.
DETAILS_KEY = "grpc-status-details-bin"
#: The domain of the reasons that are ours; a handler's own have another and cannot pass for them.
DOMAIN = "millhand.v1"

_PREFIX = "ERROR_REASON_"

_E = errors_pb2
#: Every reason has its class; the two reasons that a call and an ended task share stand for the call here.
ERROR_BY_REASON: dict[int, type[errors.MillhandError]] = {
    _E.ERROR_REASON_INVALID_ARGUMENT: errors.InvalidArgument,
    _E.ERROR_REASON_INVALID_TASK_ID: errors.InvalidTaskId,
    _E.ERROR_REASON_INVALID_TASK_FUNC: errors.InvalidTaskFunc,
    _E.ERROR_REASON_INVALID_PAYLOAD: errors.InvalidPayload,
    _E.ERROR_REASON_PAYLOAD_TOO_LARGE: errors.PayloadTooLarge,
    _E.ERROR_REASON_CURSOR_INVALID: errors.CursorInvalid,
    _E.ERROR_REASON_TASK_NOT_FOUND: errors.TaskNotFound,
    _E.ERROR_REASON_QUEUE_NOT_FOUND: errors.QueueNotFound,
    _E.ERROR_REASON_SCHEDULE_NOT_FOUND: errors.ScheduleNotFound,
    _E.ERROR_REASON_ALREADY_EXISTS: errors.AlreadyExists,
    _E.ERROR_REASON_TASK_ALREADY_STARTED: errors.TaskAlreadyStarted,
    _E.ERROR_REASON_TASK_COMPLETED: errors.TaskCompleted,
    _E.ERROR_REASON_TASK_CANCELLED: errors.TaskCancelledError,
    _E.ERROR_REASON_TASK_TIMEOUT: errors.WaitTimedOut,
    _E.ERROR_REASON_HANDLER_FAILED: errors.HandlerFailed,
    _E.ERROR_REASON_WORKER_LOST: errors.WorkerLost,
    _E.ERROR_REASON_LEASE_LOST: errors.LeaseLost,
    _E.ERROR_REASON_QUEUE_FULL: errors.QueueFull,
    _E.ERROR_REASON_RATE_LIMITED: errors.RateLimited,
    _E.ERROR_REASON_TOO_MANY_STREAMS: errors.TooManyStreams,
    _E.ERROR_REASON_SLOW_READER: errors.SlowReader,
    _E.ERROR_REASON_CLOSING: errors.Closing,
    _E.ERROR_REASON_STORE_UNAVAILABLE: errors.StoreUnavailable,
    _E.ERROR_REASON_UNAUTHENTICATED: errors.Unauthenticated,
    _E.ERROR_REASON_PERMISSION_DENIED: errors.PermissionDenied,
    _E.ERROR_REASON_UNSUPPORTED: errors.Unsupported,
    _E.ERROR_REASON_INTERNAL: errors.InternalError,
}

#: What stands in for a reason that is newer than this client, or for a refusal by the transport itself.
ERROR_BY_CODE: dict[grpc.StatusCode, type[errors.MillhandError]] = {
    grpc.StatusCode.CANCELLED: errors.CallCancelled,
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidArgument,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.NOT_FOUND: errors.NotFound,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExists,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    grpc.StatusCode.FAILED_PRECONDITION: errors.FailedPrecondition,
    grpc.StatusCode.UNIMPLEMENTED: errors.Unsupported,
    grpc.StatusCode.INTERNAL: errors.InternalError,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
    grpc.StatusCode.UNAUTHENTICATED: errors.Unauthenticated,
}

_CODE_BY_NUMBER: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}

_ERROR_BY_OUTCOME: dict[int, type[errors.TaskDidNotComplete]] = {
    task_pb2.TASK_STATUS_CANCELLED: errors.TaskCancelledError,
    task_pb2.TASK_STATUS_CONTEXT_DEADLINE_REACHED: errors.TaskTimedOut,
    task_pb2.TASK_STATUS_FAILED: errors.TaskFailed,
}

_Detail = TypeVar("_Detail", bound=Message)


def error_from_call(
    code: grpc.StatusCode, message: str, details: bytes | None, request_id: str
) -> errors.MillhandError:
    """The exception for a call that ended with `code`; `details` is what DETAILS_KEY carried, if anything."""
    if details is not None:
        try:
            return error_from_status(status_pb2.Status.FromString(details), request_id)
        except DecodeError:
            # A proxy's mangled trailer must not hide the code, which came on its own.
            pass
    return ERROR_BY_CODE.get(code, errors.MillhandError)(message, code=code, reason="", request_id=request_id)


def error_from_status(status: status_pb2.Status, request_id: str = "") -> errors.MillhandError:
    """The exception for a status that is not OK."""
    info = _detail(status, error_details_pb2.ErrorInfo())
    code = _CODE_BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN)
    fallback = ERROR_BY_CODE.get(code, errors.MillhandError)
    return _build(_class_of(info, fallback), status, request_id)


def error_from_result(result: task_pb2.Result) -> errors.TaskDidNotComplete | None:
    """Why `result` has no output; None if its task completed."""
    kind = _ERROR_BY_OUTCOME.get(result.task.status)
    if kind is None:
        return None
    status = result.error if result.HasField("error") else result.task.error
    if kind is errors.TaskFailed:
        precise = _class_of(_detail(status, error_details_pb2.ErrorInfo()), kind)
        # A class that is no failure would be a reason about a call, which says nothing about this task.
        kind = precise if issubclass(precise, errors.TaskFailed) else kind
    error = _build(kind, status, "")
    error.metadata.setdefault("task_id", result.task.id)
    error.result = result
    return error


_Error = TypeVar("_Error", bound=errors.MillhandError)


def _class_of(
    info: error_details_pb2.ErrorInfo | None, fallback: type[errors.MillhandError]
) -> type[errors.MillhandError]:
    if info is None or info.domain != DOMAIN:
        return fallback
    number = errors_pb2.ErrorReason.DESCRIPTOR.values_by_name.get(_PREFIX + info.reason)
    return fallback if number is None else ERROR_BY_REASON.get(number.number, fallback)


def _build(kind: type[_Error], status: status_pb2.Status, request_id: str) -> _Error:
    info = _detail(status, error_details_pb2.ErrorInfo())
    bad_request = _detail(status, error_details_pb2.BadRequest())
    retry = _detail(status, error_details_pb2.RetryInfo())
    violations = bad_request.field_violations if bad_request is not None else ()
    return kind(
        status.message,
        code=_CODE_BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN),
        reason=info.reason if info is not None else "",
        metadata=dict(info.metadata) if info is not None else {},
        violations=tuple(errors.Violation(v.field, v.description) for v in violations),
        retry_after=retry.retry_delay.ToTimedelta() if retry is not None else None,
        request_id=request_id,
    )


def _detail(status: status_pb2.Status, wanted: _Detail) -> _Detail | None:
    """`wanted` filled from the first detail of its type; None if there is none."""
    for packed in status.details:
        if packed.Is(wanted.DESCRIPTOR) and packed.Unpack(wanted):
            return wanted
    return None
