"""Errors as gRPC statuses: the one table of codes, and the details that travel with them.

A status goes out as trailing metadata, which many peers cap at 8 KiB with everything else in it: texts are
clipped and lists end in "and 380 more", so that the whole google.rpc.Status keeps to 4 KiB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import grpc

# Importing these puts them into the descriptor pool: without them no tool can print an error's details.
from google.protobuf import duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from millhand_server.core import errors
from millhand_server.core.errors import DOMAIN, MillhandError, Violation
from millhand_server.core.task import TaskError
from millhand_server.rpc.wire_time import write_duration

#: The metadata key under which gRPC libraries look for the details.
DETAILS_KEY = "grpc-status-details-bin"

MAX_STATUS_BYTES = 4_096
MAX_VIOLATIONS = 20
_MAX_MESSAGE = 1_024
_MAX_METADATA_VALUE = 512
#: Of a task's own error, whose reason and message a handler may have made up. In characters.
_MAX_TASK_TEXT = 4_096
_MAX_REASON = 256
_MAX_VIOLATION_TEXT = 320
#: Left free for the last violation, which says how many are not shown, and for the delay.
_RESERVED_BYTES = 192

#: A class that is not here has the code of its nearest base that is.
CODES: dict[type[MillhandError], grpc.StatusCode] = {
    errors.InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.TaskAlreadyStarted: grpc.StatusCode.FAILED_PRECONDITION,
    errors.TaskCompleted: grpc.StatusCode.FAILED_PRECONDITION,
    errors.TaskCancelled: grpc.StatusCode.FAILED_PRECONDITION,
    errors.TaskTimeout: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.QueueFull: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.TooManyStreams: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.SlowReader: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Closing: grpc.StatusCode.UNAVAILABLE,
    errors.StoreUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    errors.Unsupported: grpc.StatusCode.UNIMPLEMENTED,
    errors.InternalError: grpc.StatusCode.INTERNAL,
}


def code_of(error: MillhandError) -> grpc.StatusCode:
    """Returns the code of an error; INTERNAL for a class that nobody gave one."""
    for base in type(error).__mro__:
        if base in CODES:
            return CODES[base]
    return grpc.StatusCode.INTERNAL


def status_of(error: MillhandError) -> status_pb2.Status:
    """Returns the error as a status with ErrorInfo, BadRequest and RetryInfo, within the size limits."""
    number: int = code_of(error).value[0]
    status = status_pb2.Status(code=number, message=clip(error.message, _MAX_MESSAGE))
    _add(status, _error_info(error.reason, DOMAIN, error.metadata))
    if error.retry_after_s is not None:
        _add(status, _retry_info(error.retry_after_s))
    if error.violations:
        room = MAX_STATUS_BYTES - status.ByteSize() - _RESERVED_BYTES
        _add(status, _bad_request(error.violations, room))
    return status


def status_of_task(error: TaskError) -> status_pb2.Status:
    """Returns a task's own error; its domain says whether the reason is ours or its handler's."""
    status = status_pb2.Status(code=error.code, message=error.message[:_MAX_TASK_TEXT])
    _add(status, _error_info(error.reason[:_MAX_REASON], error.domain, error.metadata))
    return status


def clip(text: str, limit: int) -> str:
    """Cuts a text so that it takes at most `limit` bytes when a header carries it percent-encoded."""
    if len(text) * _WIDEST <= limit:
        return text
    used = kept = 0
    for index, character in enumerate(text):
        plain = " " <= character <= "~" and character != "%"
        used += 1 if plain else 3 * len(character.encode())
        if used > limit:
            return text[:kept] + _ELLIPSIS
        if used <= limit - len(_ELLIPSIS):
            kept = index + 1
    return text


#: Bytes of one character outside the basic plane, percent-encoded.
_WIDEST = 12
_ELLIPSIS = "..."


def _add(status: status_pb2.Status, detail: Message) -> None:
    status.details.add().Pack(detail, deterministic=True)


def _error_info(reason: str, domain: str, metadata: Mapping[str, str]) -> error_details_pb2.ErrorInfo:
    clipped = {key: clip(value, _MAX_METADATA_VALUE) for key, value in metadata.items()}
    return error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=clipped)


def _retry_info(delay_s: float) -> error_details_pb2.RetryInfo:
    delay = duration_pb2.Duration()
    write_duration(delay, round(delay_s * 1_000_000))
    return error_details_pb2.RetryInfo(retry_delay=delay)


def _bad_request(violations: Sequence[Violation], room: int) -> error_details_pb2.BadRequest:
    request = error_details_pb2.BadRequest()
    for violation in violations[:MAX_VIOLATIONS]:
        field = clip(violation.field, _MAX_VIOLATION_TEXT)
        description = clip(violation.description, _MAX_VIOLATION_TEXT)
        # Four bytes each for the two tags with their lengths and for the entry's own.
        room -= len(field.encode()) + len(description.encode()) + 12
        if room < 0:
            break
        request.field_violations.add(field=field, description=description)
    hidden = len(violations) - len(request.field_violations)
    if hidden:
        request.field_violations.add(description=f"and {hidden} more")
    return request
