"""What a case says of tasks and filters, as options of the client."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

from google.protobuf import duration_pb2, timestamp_pb2
from google.protobuf.message import Message
from tests.conformance.wire import conformance_pb2 as wire

import millhand
from millhand.v1 import task_pb2

#: Fields that the client calls by another name.
_OPTIONS = {"timeout": "attempt_timeout"}

#: What a task's options do not say.
_NOT_OPTIONS = frozenset({"handler", "payload"})


def task_options(task: wire.Task) -> dict[str, Any]:
    """The options of a task, for `register` and `execute`."""
    fields = [(field.name, value) for field, value in task.spec.ListFields()]
    return {_OPTIONS.get(name, name): _natural(value) for name, value in fields if name not in _NOT_OPTIONS}


def spec_of(task: wire.Task) -> task_pb2.TaskSpec:
    """The task as `task_spec` makes it."""
    return millhand.task_spec(task.spec.handler, payload(task), **task_options(task))


def payload(task: wire.Task) -> object:
    """What the task's handler gets, as a natural value."""
    if task.integer:
        return int(task.integer)
    if task.not_a_number:
        return float(task.not_a_number)
    match task.payload.WhichOneof("kind"):
        case "json":
            return json.loads(task.payload.json)
        case "blob":
            blob = task.payload.blob
            return millhand.Blob(blob.data, blob.content_type) if blob.content_type else blob.data
        case "message":
            return task.payload.message
    return None


def filter_options(chosen: task_pb2.TaskFilter) -> dict[str, Any]:
    """The options of a filter."""
    return {field.name: _natural(value) for field, value in chosen.ListFields()}


def _natural(value: Any) -> Any:
    if isinstance(value, duration_pb2.Duration):
        return value.ToTimedelta()
    if isinstance(value, timestamp_pb2.Timestamp):
        return value.ToDatetime(UTC)
    if isinstance(value, Message | str | int | float | bool):
        return value
    return dict(value) if hasattr(value, "items") else list(value)
