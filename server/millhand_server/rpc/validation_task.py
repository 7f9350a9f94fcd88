"""The shape of a task that a caller sends: every rule about its fields, and no other.

Whether the handler exists and takes the payload is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

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
from millhand_server.core.task import TaskSpec
from millhand_server.engine.options import Limits
from millhand_server.rpc import json_value, wire_time
from millhand_server.rpc.codec import too_large
from millhand_server.rpc.convert_task import READERS
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
    if not task.handler:
        faults.add("handler", "is empty", InvalidTaskFunc)
    # Most fields of most tasks are unset: only those that are set cost anything.
    for field, value in task.ListFields():
        name, look, _, _ = _FIELDS[field]
        look(faults, name, value, limits)


def read_task(faults: Faults, task: task_pb2.TaskSpec, limits: Limits) -> TaskSpec:
    """Checks a task and reads it on the way. It is as it was sent, and good unless something was noted."""
    values: dict[str, Any] = {"handler": ""}
    if not task.handler:
        faults.add("handler", "is empty", InvalidTaskFunc)
    for field, value in task.ListFields():
        name, look, name_in_core, read = _FIELDS[field]
        look(faults, name, value, limits)
        values[name_in_core] = read(value) if read else value
    return TaskSpec(**values)


def check_payload(faults: Faults, field: str, payload: payload_pb2.Payload, limits: Limits) -> None:
    """Notes what is wrong with a payload: at most one thing, with its path."""
    size = payload.ByteSize()
    if size > limits.max_payload_bytes:
        error = too_large(size, limits.max_payload_bytes)
        faults.add(field, error.message, PayloadTooLarge, error.metadata)
        return
    match payload.WhichOneof("kind"):
        case "json":
            try:
                json_value.check(payload.json, limits.max_json_depth)
            except json_value.Fault as fault:
                faults.add(f"{field}.json{fault.path}", fault.description, InvalidPayload)
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


def _id(faults: Faults, field: str, value: str, _: Limits) -> None:
    check_identifier(faults, field, value, InvalidTaskId)


def _handler(faults: Faults, field: str, value: str, _: Limits) -> None:
    check_identifier(faults, field, value, InvalidTaskFunc)


def _queue(faults: Faults, field: str, value: str, _: Limits) -> None:
    check_identifier(faults, field, value)


def _text(faults: Faults, field: str, value: str, _: Limits) -> None:
    check_text(faults, field, value)


def _description(faults: Faults, field: str, value: str, _: Limits) -> None:
    check_text(faults, field, value, MAX_TEXT_BYTES)


def _labels(faults: Faults, field: str, value: Mapping[str, str], _: Limits) -> None:
    check_labels(faults, field, value)


def _priority(faults: Faults, field: str, value: int, _: Limits) -> None:
    if not -100 <= value <= 100:
        faults.add(field, f"is {value}; -100 to 100 are allowed")


def _retries(faults: Faults, field: str, value: int, _: Limits) -> None:
    if value < 0:
        faults.add(field, f"is {value}; 0 and more are allowed")


def _retry_policy(faults: Faults, field: str, policy: task_pb2.RetryPolicy, _: Limits) -> None:
    # Written so that NaN, which compares with nothing, is refused too.
    if not (policy.backoff == 0 or 1 <= policy.backoff <= 10):
        faults.add(f"{field}.backoff", f"is {policy.backoff}; 0 (which means 2) or 1 to 10 are allowed")
    if policy.HasField("jitter") and not 0 <= policy.jitter <= 1:
        faults.add(f"{field}.jitter", f"is {policy.jitter}; 0 to 1 are allowed")
    if policy.HasField("max_delay"):
        check_duration(faults, f"{field}.max_delay", policy.max_delay)
    check_names(faults, f"{field}.non_retryable_reasons", policy.non_retryable_reasons, MAX_REASONS)


def _duration(faults: Faults, field: str, value: Duration, _: Limits) -> None:
    check_duration(faults, field, value)


def _delay(faults: Faults, field: str, value: Duration, _: Limits) -> None:
    if check_duration(faults, field, value) and value.seconds > wire_time.MAX_DELAY_S:
        faults.add(field, "reaches past the year 9999")


def _timestamp(faults: Faults, field: str, value: Timestamp, _: Limits) -> None:
    check_timestamp(faults, field, value)


def _heartbeat_timeout(faults: Faults, field: str, value: Duration, limits: Limits) -> None:
    # A broken one is named as broken: the caller should not look for a server that supports it.
    if (value.seconds or value.nanos) and check_duration(faults, field, value):
        _refuse(faults, field, value, limits)


def _refuse(faults: Faults, field: str, _value: object, _: Limits) -> None:
    faults.add(field, "is not supported by this server yet; leave it unset", Unsupported)


#: Notes what is wrong with a field that is set.
_Check = Callable[[Faults, str, Any, Limits], None]

_CHECKS: dict[str, _Check] = {
    "id": _id,
    "name": _text,
    "description": _description,
    "handler": _handler,
    "payload": check_payload,
    "priority": _priority,
    "queue": _queue,
    "labels": _labels,
    "retries": _retries,
    "retry_delay": _duration,
    "retry_policy": _retry_policy,
    "timeout": _duration,
    "start_timeout": _duration,
    "deadline": _timestamp,
    "heartbeat_timeout": _heartbeat_timeout,
    "run_at": _timestamp,
    "delay": _delay,
    "idempotency_key": _text,
    "fairness_key": _refuse,
    "correlation_id": _text,
    "traceparent": _text,
}

#: Field to its name, its check and its reader. A test walks the contract: every field has them.
_FIELDS = {
    field: (field.name, _CHECKS[field.name], *READERS[field]) for field in task_pb2.TaskSpec.DESCRIPTOR.fields
}
