"""Tasks between the wire and core. What comes in was checked by `validation`; nothing is checked here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

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
        if reader := _READERS.get(field):
            name, read = reader
            values[name] = read(value) if read else value
    return TaskSpec(**values)


def _payload(message: payload_pb2.Payload) -> bytes:
    return message.SerializeToString(deterministic=True)


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    # A map of protobuf's looks a key up faster than it makes pairs.
    return {key: labels[key] for key in labels}


def _policy(message: task_pb2.RetryPolicy) -> RetryPolicy:
    return RetryPolicy(
        backoff=message.backoff,
        max_delay_us=duration_us(message.max_delay) if message.HasField("max_delay") else None,
        jitter=message.jitter if message.HasField("jitter") else None,
        non_retryable_reasons=tuple(message.non_retryable_reasons),
    )


#: Field to its name in core and what reads it, None where it is taken as it is. What is not here was refused.
_READERS: dict[Any, tuple[str, Callable[[Any], object] | None]] = {
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
        ("run_at", "run_at_us", timestamp_us),
        ("delay", "delay_us", duration_us),
        ("idempotency_key", "idempotency_key", None),
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
        self._max_bytes = max_message_bytes - _AROUND_BYTES
        self._defaults: dict[str, bytes] = {}

    def task(self, task: Task, *, full: bool = False) -> task_pb2.Task:
        """Returns the task; payload and last heartbeat only in the full view."""
        message = task_pb2.Task()
        self._write(message, task, full=full)
        lighten(message, [message], self._max_bytes)
        return message

    def result(self, task: Task, cursor: Cursor, *, full: bool = False) -> task_pb2.Result:
        """Returns how a final task ended."""
        message = task_pb2.Result(cursor=str(cursor))
        self._write(message.task, task, full=full)
        if task.output:
            message.output.MergeFromString(task.output)
        if task.error is not None:
            message.error.CopyFrom(message.task.error)
        lighten(message, [message.task], self._max_bytes)
        return message

    def lighten(self, message: Message, tasks: Sequence[task_pb2.Task]) -> None:
        """Makes a message about many tasks fit, which are inside it."""
        lighten(message, tasks, self._max_bytes)

    def _write(self, message: task_pb2.Task, task: Task, *, full: bool) -> None:
        message.MergeFromString(self._defaults_of(task.spec.handler))
        _write_spec(message, task.spec)
        _write_state(message, task)
        _write_times(message, task)
        message.attempts.extend(_attempt(attempt) for attempt in task.attempts)
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


def _write_spec(message: task_pb2.Task, spec: TaskSpec) -> None:
    message.id = spec.id
    message.handler = spec.handler
    for name in _TEXTS:
        text = getattr(spec, name)
        if text:
            setattr(message, name, text)
    if spec.labels:
        message.labels.update(spec.labels)
    if spec.retries is not None:
        message.retries = spec.retries
    for target, value in (
        ("retry_delay", spec.retry_delay_us),
        ("timeout", spec.timeout_us),
        ("start_timeout", spec.start_timeout_us),
        ("delay", spec.delay_us),
    ):
        if value is not None:
            write_duration(getattr(message, target), value)
    if spec.retry_policy is not None:
        message.ClearField("retry_policy")
        _write_policy(message.retry_policy, spec.retry_policy)


_TEXTS = ("name", "description", "idempotency_key", "fairness_key", "correlation_id", "traceparent")


def _write_state(message: task_pb2.Task, task: Task) -> None:
    message.queue = task.queue
    message.priority = task.priority
    message.status = task.status  # type: ignore[assignment]  # the numbers are the same, by a test
    message.attempt = task.attempt
    message.retries_used = task.retries_used
    message.revision = task.revision
    message.node = task.node
    message.worker = task.worker
    message.session_id = task.session_id
    message.cancel_reason = task.cancel_reason
    message.stuck = task.stuck
    error = task.error or _last_failure(task)
    if error is not None:
        message.error.CopyFrom(status_of_task(error))
    if task.progress is not None:
        message.progress.CopyFrom(progress(task.progress))


def _last_failure(task: Task) -> TaskError | None:
    if task.status in WAITING and task.attempts:
        return task.attempts[-1].error
    return None


def _write_times(message: task_pb2.Task, task: Task) -> None:
    write_timestamp(message.create_time, task.create_us)
    write_timestamp(message.due_time, task.due_us)
    for target, value in (
        ("start_time", task.start_us),
        ("complete_time", task.complete_us),
        ("cancel_time", task.cancel_us),
        ("expire_time", task.expire_us),
        ("heartbeat_time", task.heartbeat_us),
        ("deadline", task.spec.deadline_us),
        ("run_at", task.spec.run_at_us),
    ):
        if value is not None:
            write_timestamp(getattr(message, target), value)


def _write_payloads(message: task_pb2.Task, task: Task) -> None:
    if task.spec.payload:
        message.payload.MergeFromString(task.spec.payload)
    if task.last_heartbeat:
        message.last_heartbeat.MergeFromString(task.last_heartbeat)


def _attempt(attempt: Attempt) -> task_pb2.Attempt:
    message = task_pb2.Attempt(number=attempt.number, node=attempt.node, worker=attempt.worker)
    write_timestamp(message.start_time, attempt.start_us)
    write_timestamp(message.end_time, attempt.end_us)
    if attempt.error is not None:
        message.error.CopyFrom(status_of_task(attempt.error))
    return message


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
