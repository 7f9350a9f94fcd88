"""Tasks between the wire and core. What comes in was checked by `validation`; nothing is checked here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from millhand.v1 import payload_pb2, task_pb2
from millhand_server.core.cursor import Cursor
from millhand_server.core.retry import (
    DEFAULT_BACKOFF,
    DEFAULT_JITTER,
    DEFAULT_MAX_DELAY_US,
    Retries,
)
from millhand_server.core.status import WAITING
from millhand_server.core.task import (
    Attempt,
    Progress,
    RetryPolicy,
    Task,
    TaskError,
    TaskSpec,
)
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.options import Limits
from millhand_server.rpc.frame_size import lighten
from millhand_server.rpc.status import status_of_task
from millhand_server.rpc.wire_time import duration_us, timestamp_us, write_duration, write_timestamp


def task_spec(message: task_pb2.TaskSpec) -> TaskSpec:
    """Reads a specification as it was sent: unset stays unset."""
    values: dict[str, Any] = {"handler": ""}
    for field, value in message.ListFields():
        name, read = READERS[field]
        values[name] = read(value) if read else value
    return TaskSpec(**values)


def _payload(message: payload_pb2.Payload) -> bytes:
    return message.SerializeToString(deterministic=True)


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    # A map of protobuf's looks a key up faster than it makes pairs.
    return {key: labels[key] for key in labels}


def _nothing(_: Duration) -> None:
    """Reads what may only be zero, which stands for unset."""


def _policy(message: task_pb2.RetryPolicy) -> RetryPolicy:
    return RetryPolicy(
        backoff=message.backoff,
        max_delay_us=duration_us(message.max_delay) if message.HasField("max_delay") else None,
        jitter=message.jitter if message.HasField("jitter") else None,
        non_retryable_reasons=tuple(message.non_retryable_reasons),
    )


#: A field's name in core and what reads it, None where it is taken as it is.
Reader = tuple[str, Callable[[Any], object] | None]

#: A test walks the contract: every field has its reader.
READERS: dict[Any, Reader] = {
    task_pb2.TaskSpec.DESCRIPTOR.fields_by_name[field]: (name, read)
    for field, name, read in (
        ("id", "id", None),
        ("name", "name", None),
        ("description", "description", None),
        ("handler", "handler", None),
        ("payload", "payload", _payload),
        ("priority", "priority", None),
        ("queue", "queue", None),
        ("labels", "labels", _labels),
        ("retries", "retries", None),
        ("retry_delay", "retry_delay_us", duration_us),
        ("retry_policy", "retry_policy", _policy),
        ("timeout", "timeout_us", duration_us),
        ("start_timeout", "start_timeout_us", duration_us),
        ("deadline", "deadline_us", timestamp_us),
        ("heartbeat_timeout", "heartbeat_timeout_us", _nothing),
        ("run_at", "run_at_us", timestamp_us),
        ("delay", "delay_us", duration_us),
        ("idempotency_key", "idempotency_key", None),
        ("fairness_key", "fairness_key", None),
        ("correlation_id", "correlation_id", None),
        ("traceparent", "traceparent", None),
    )
}


#: Left free in a message for what stands around a task: cursors, counts, tags.
_AROUND_BYTES = 64 * 1024
_MESSAGE_BYTES = Limits().max_message_bytes


class TaskWriter:
    """Writes tasks and results. Holds the catalogue, whose defaults are shown where a task set nothing.

    Each fits into a message of `max_message_bytes`: if need be, parts of the task are left out.
    """

    def __init__(self, catalogue: Catalogue, max_message_bytes: int = _MESSAGE_BYTES) -> None:
        self._catalogue = catalogue
        #: What a message about tasks may have, so that what stands around them fits too.
        self.max_bytes = max_message_bytes - _AROUND_BYTES
        self._defaults: dict[str, bytes] = {}

    def task(self, task: Task, *, full: bool = False) -> task_pb2.Task:
        """Returns the task; payload and last heartbeat only in the full view."""
        message = task_pb2.Task()
        self.write_task(message, task, full=full)
        self.lighten(message, lambda: [message])
        return message

    def result(
        self, task: Task, cursor: Cursor, *, full: bool = False, into: task_pb2.Result | None = None
    ) -> task_pb2.Result:
        """Returns how a final task ended, written into a part of an answer if that is given."""
        message = task_pb2.Result() if into is None else into
        self.write_result(message, task, cursor, full=full)
        self.lighten(message, lambda: [message.task])
        return message

    def lighten(self, message: Message, tasks: Callable[[], Sequence[task_pb2.Task]]) -> None:
        """Makes a message fit by leaving parts out of `tasks`, which are inside it and fetched if need be."""
        if message.ByteSize() > self.max_bytes:
            lighten(message, tasks(), self.max_bytes)

    def write_result(
        self, message: task_pb2.Result, task: Task, cursor: Cursor, *, full: bool = False
    ) -> None:
        """Writes a result, however large, into an empty message."""
        message.cursor = str(cursor)
        self.write_task(message.task, task, full=full)
        if task.output:
            message.output.MergeFromString(task.output)
        if task.error is not None:
            message.error.CopyFrom(message.task.error)

    def write_task(self, message: task_pb2.Task, task: Task, *, full: bool = False) -> None:
        """Writes a task, however large, into an empty message."""
        message.MergeFromString(self._defaults_of(task.spec.handler))
        _write_spec(message, task.spec)
        _write_state(message, task)
        _write_run(message, task)
        if full:
            _write_payloads(message, task)

    def _defaults_of(self, handler: str) -> bytes:
        encoded = self._defaults.get(handler)
        if encoded is None:
            entry = self._catalogue.get(handler)
            if entry is None:
                # Of another node, or of a handler that is gone: nothing is known, and nothing kept for it.
                return b""
            message = task_pb2.Task()
            _write_retries(message, entry.retries)
            write_duration(message.timeout, entry.timeout_us)
            if entry.start_timeout_us:
                write_duration(message.start_timeout, entry.start_timeout_us)
            encoded = self._defaults[handler] = message.SerializeToString()
        return encoded


def progress(told: Progress) -> task_pb2.Progress:
    message = task_pb2.Progress(fraction=told.fraction, message=told.message)
    write_timestamp(message.update_time, told.update_us)
    return message


# All of this is done for every task. To assign a field costs several times as much as to see that it need not
# be, so what most tasks do not have is looked at first.


def _write_spec(message: task_pb2.Task, spec: TaskSpec) -> None:
    message.id = spec.id
    message.handler = spec.handler
    if spec.name or spec.description or spec.correlation_id or spec.traceparent:
        message.name = spec.name
        message.description = spec.description
        message.correlation_id = spec.correlation_id
        message.traceparent = spec.traceparent
    if spec.idempotency_key or spec.fairness_key:
        message.idempotency_key = spec.idempotency_key
        message.fairness_key = spec.fairness_key
    if spec.labels:
        message.labels.update(spec.labels)
    if spec.retry_policy is not None or not (spec.retries is spec.retry_delay_us is None):
        _write_own_retries(message, spec)
    if not (spec.timeout_us is spec.start_timeout_us is spec.deadline_us is spec.run_at_us is None):
        _write_own_times(message, spec)
    if spec.delay_us is not None:
        write_duration(message.delay, spec.delay_us)


def _write_own_retries(message: task_pb2.Task, spec: TaskSpec) -> None:
    if spec.retries is not None:
        message.retries = spec.retries
    if spec.retry_delay_us is not None:
        write_duration(message.retry_delay, spec.retry_delay_us)
    if spec.retry_policy is not None:
        message.ClearField("retry_policy")
        _write_policy(message.retry_policy, spec.retry_policy)


def _write_own_times(message: task_pb2.Task, spec: TaskSpec) -> None:
    if spec.timeout_us is not None:
        write_duration(message.timeout, spec.timeout_us)
    if spec.start_timeout_us is not None:
        write_duration(message.start_timeout, spec.start_timeout_us)
    if spec.deadline_us is not None:
        write_timestamp(message.deadline, spec.deadline_us)
    if spec.run_at_us is not None:
        write_timestamp(message.run_at, spec.run_at_us)


def _write_state(message: task_pb2.Task, task: Task) -> None:
    message.queue = task.queue
    message.status = task.status  # type: ignore[assignment]  # the numbers are the same, by a test
    message.revision = task.revision
    message.session_id = task.session_id
    write_timestamp(message.create_time, task.create_us)
    write_timestamp(message.due_time, task.due_us)
    if task.priority:
        message.priority = task.priority
    if task.cancel_us is not None:
        write_timestamp(message.cancel_time, task.cancel_us)
        message.cancel_reason = task.cancel_reason
    error = task.error or _last_failure(task)
    if error is not None:
        message.error.CopyFrom(status_of_task(error))
    if task.complete_us is not None:
        write_timestamp(message.complete_time, task.complete_us)
    if task.expire_us is not None:
        write_timestamp(message.expire_time, task.expire_us)


def _last_failure(task: Task) -> TaskError | None:
    if task.status in WAITING and task.attempts:
        return task.attempts[-1].error
    return None


def _write_run(message: task_pb2.Task, task: Task) -> None:
    if task.attempt or task.retries_used:
        message.attempt = task.attempt
        message.retries_used = task.retries_used
    if task.node or task.worker:
        message.node = task.node
        message.worker = task.worker
    if task.start_us is not None:
        write_timestamp(message.start_time, task.start_us)
    if task.heartbeat_us is not None:
        write_timestamp(message.heartbeat_time, task.heartbeat_us)
    if task.progress is not None:
        message.progress.CopyFrom(progress(task.progress))
    if task.stuck:
        message.stuck = True
    for attempt in task.attempts:
        _write_attempt(message.attempts.add(), attempt)


def _write_payloads(message: task_pb2.Task, task: Task) -> None:
    if task.spec.payload:
        message.payload.MergeFromString(task.spec.payload)
    if task.last_heartbeat:
        message.last_heartbeat.MergeFromString(task.last_heartbeat)


def _write_attempt(message: task_pb2.Attempt, attempt: Attempt) -> None:
    message.number = attempt.number
    message.node = attempt.node
    message.worker = attempt.worker
    write_timestamp(message.start_time, attempt.start_us)
    write_timestamp(message.end_time, attempt.end_us)
    if attempt.error is not None:
        message.error.CopyFrom(status_of_task(attempt.error))


def _write_retries(message: task_pb2.Task, retries: Retries) -> None:
    message.retries = retries.limit
    write_duration(message.retry_delay, retries.delay_us)
    _write_policy(message.retry_policy, retries.policy)


def _write_policy(message: task_pb2.RetryPolicy, policy: RetryPolicy) -> None:
    message.backoff = policy.backoff or DEFAULT_BACKOFF
    message.jitter = DEFAULT_JITTER if policy.jitter is None else policy.jitter
    max_delay_us = DEFAULT_MAX_DELAY_US if policy.max_delay_us is None else policy.max_delay_us
    write_duration(message.max_delay, max_delay_us)
    message.non_retryable_reasons.extend(policy.non_retryable_reasons)
