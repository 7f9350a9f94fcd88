"""The shape of a task that a caller sends: every rule about its fields, and no other.

Whether the handler exists and takes the payload is not known here.
"""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from millhand.v1 import payload_pb2, task_pb2
from millhand_server.core.errors import (
    InvalidPayload,
    InvalidTaskFunc,
    InvalidTaskId,
    PayloadTooLarge,
    Unsupported,
)
from millhand_server.engine.options import Limits
from millhand_server.rpc import json_value, wire_time
from millhand_server.rpc.codec import check_size
from millhand_server.rpc.faults import Faults
from millhand_server.rpc.payload import unpack
from millhand_server.rpc.validation_text import (
    MAX_TEXT_BYTES,
    check_identifier,
    check_labels,
    check_names,
    check_text,
)

#: The reasons of a retry policy; part of what every answer about the task carries.
MAX_REASONS = 100


def check_task(faults: Faults, task: task_pb2.TaskSpec, limits: Limits) -> None:
    """Notes everything wrong with a task; fields are named relative to it (`id`, `payload.json.a`)."""
    if task.id:
        check_identifier(faults, "id", task.id, InvalidTaskId)
    check_identifier(faults, "handler", task.handler, InvalidTaskFunc)
    if task.queue:
        check_identifier(faults, "queue", task.queue)
    for name in ("name", "idempotency_key", "correlation_id", "traceparent"):
        check_text(faults, name, getattr(task, name))
    check_text(faults, "description", task.description, MAX_TEXT_BYTES)
    check_labels(faults, "labels", task.labels)
    if not -100 <= task.priority <= 100:
        faults.add("priority", f"is {task.priority}; -100 to 100 are allowed")
    if task.retries < 0:
        faults.add("retries", f"is {task.retries}; 0 and more are allowed")
    if task.HasField("payload"):
        check_payload(faults, "payload", task.payload, limits)
    _check_retry_policy(faults, task)
    _check_times(faults, task)
    _check_unsupported(faults, task)


def check_payload(faults: Faults, field: str, payload: payload_pb2.Payload, limits: Limits) -> None:
    """Notes what is wrong with a payload: at most one thing, with its path."""
    try:
        check_size(payload.ByteSize(), limits.max_payload_bytes)
    except PayloadTooLarge as error:
        faults.add(field, error.message, PayloadTooLarge, error.metadata)
        return
    match payload.WhichOneof("kind"):
        case "json":
            _check_json(faults, f"{field}.json", payload, limits.max_json_depth)
        case "message":
            try:
                unpack(payload.message)
            except InvalidPayload as error:
                faults.add(f"{field}.message", f"cannot be read: {error.message}", InvalidPayload)
        case "blob":
            check_text(faults, f"{field}.blob.content_type", payload.blob.content_type)
        case _:
            faults.add(
                field,
                "has no kind set, or one that this server does not know; leave it unset for no payload",
                InvalidPayload,
            )


def check_duration(faults: Faults, field: str, value: Duration) -> bool:
    """Notes what is wrong with a duration, and tells whether it is good."""
    fault = wire_time.duration_fault(value)
    if fault:
        faults.add(field, fault)
    return not fault


def check_timestamp(faults: Faults, field: str, value: Timestamp) -> None:
    fault = wire_time.timestamp_fault(value)
    if fault:
        faults.add(field, fault)


def _check_json(faults: Faults, field: str, payload: payload_pb2.Payload, max_depth: int) -> None:
    try:
        json_value.check(payload.json, max_depth)
    except json_value.Fault as fault:
        faults.add(field + fault.path, fault.description, InvalidPayload)


def _check_retry_policy(faults: Faults, task: task_pb2.TaskSpec) -> None:
    if not task.HasField("retry_policy"):
        return
    policy = task.retry_policy
    # Written so that NaN, which compares with nothing, is refused too.
    if not (policy.backoff == 0 or 1 <= policy.backoff <= 10):
        faults.add("retry_policy.backoff", f"is {policy.backoff}; 0 (which means 2) or 1 to 10 are allowed")
    if policy.HasField("jitter") and not 0 <= policy.jitter <= 1:
        faults.add("retry_policy.jitter", f"is {policy.jitter}; 0 to 1 are allowed")
    if policy.HasField("max_delay"):
        check_duration(faults, "retry_policy.max_delay", policy.max_delay)
    check_names(faults, "retry_policy.non_retryable_reasons", policy.non_retryable_reasons, MAX_REASONS)


def _check_times(faults: Faults, task: task_pb2.TaskSpec) -> None:
    for name, value in (
        ("retry_delay", task.retry_delay),
        ("timeout", task.timeout),
        ("start_timeout", task.start_timeout),
    ):
        if value.seconds or value.nanos:
            check_duration(faults, name, value)
    if task.HasField("deadline"):
        check_timestamp(faults, "deadline", task.deadline)
    match task.WhichOneof("due"):
        case "run_at":
            check_timestamp(faults, "run_at", task.run_at)
        case "delay":
            if check_duration(faults, "delay", task.delay) and task.delay.seconds > wire_time.MAX_DELAY_S:
                faults.add("delay", "reaches past the year 9999")


def _check_unsupported(faults: Faults, task: task_pb2.TaskSpec) -> None:
    if task.fairness_key:
        _refuse(faults, "fairness_key")
    beat = task.heartbeat_timeout
    # A broken one is named as broken: the caller should not look for a server that supports it.
    if (beat.seconds or beat.nanos) and check_duration(faults, "heartbeat_timeout", beat):
        _refuse(faults, "heartbeat_timeout")


def _refuse(faults: Faults, field: str) -> None:
    faults.add(field, "is not supported by this server yet; leave it unset", Unsupported)
