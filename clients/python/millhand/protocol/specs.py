"""What a caller says about a task, turned into a TaskSpec."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict, Unpack

from millhand.errors import InvalidArgument
from millhand.protocol import payloads, times
from millhand.protocol.ids import new_id
from millhand.v1 import task_pb2


class TaskOptions(TypedDict, total=False):
    """All that a task may have beside handler and payload. What is left out is the handler's or the server's.

    Durations are seconds or timedeltas, 0 meaning no limit; moments are datetimes with a time zone.
    """

    id: str
    name: str
    description: str
    priority: int
    queue: str
    labels: Mapping[str, str]
    retries: int
    retry_delay: times.Seconds
    retry_policy: task_pb2.RetryPolicy
    #: How long one attempt may run; the wire calls it `timeout`, which for `execute` is the wait.
    attempt_timeout: times.Seconds
    start_timeout: times.Seconds
    heartbeat_timeout: times.Seconds
    deadline: datetime
    run_at: datetime
    delay: times.Seconds
    idempotency_key: str
    fairness_key: str
    correlation_id: str
    traceparent: str


_DURATIONS = {
    "retry_delay": "retry_delay",
    "attempt_timeout": "timeout",
    "start_timeout": "start_timeout",
    "heartbeat_timeout": "heartbeat_timeout",
    "delay": "delay",
}
_MOMENTS = ("deadline", "run_at")


def task_spec(handler: str, payload: object = None, **options: Unpack[TaskOptions]) -> task_pb2.TaskSpec:
    """A task to register, with an id of its own unless an `idempotency_key` stands in for one.

    A payload of None is none at all. The id is made here: the same spec sent again is the same task.

    Raises:
        TypeError: For an option that does not exist.
        InvalidPayload: If the payload cannot be sent as it is.
        InvalidArgument: If a duration, a moment or a number is none, or both `run_at` and `delay` are given.
    """
    given: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    if unknown := given.keys() - TaskOptions.__annotations__.keys():
        raise TypeError(f"a task has no option {', '.join(sorted(unknown))}")
    if "run_at" in given and "delay" in given:
        raise times.invalid("run_at", "give run_at or delay, not both")
    spec = task_pb2.TaskSpec(handler=handler)
    if payload is not None:
        spec.payload.CopyFrom(payloads.encode(payload))
    for option, value in given.items():
        _set(spec, option, value)
    return with_id(spec)


def with_id(spec: task_pb2.TaskSpec) -> task_pb2.TaskSpec:
    """`spec` itself if it can be sent twice, else a copy with an id."""
    if spec.id or spec.idempotency_key:
        return spec
    named = task_pb2.TaskSpec(id=new_id())
    named.MergeFrom(spec)
    return named


def _set(spec: task_pb2.TaskSpec, option: str, value: Any) -> None:
    try:
        if option in _DURATIONS:
            getattr(spec, _DURATIONS[option]).CopyFrom(times.duration(value, option))
        elif option in _MOMENTS:
            getattr(spec, option).CopyFrom(times.timestamp(value, option))
        elif option == "labels":
            spec.labels.update(value)
        elif option == "retry_policy":
            spec.retry_policy.CopyFrom(value)
        else:
            setattr(spec, option, value)
    except InvalidArgument:
        raise
    except (TypeError, ValueError, AttributeError):
        raise times.invalid(option, f"{value!r} is not what a task's {option} can be") from None
