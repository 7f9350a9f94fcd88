"""The requests that take more than a field or two, built from what a caller says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Unpack

from millhand.protocol import times
from millhand.protocol.filters import FilterOptions, task_filter
from millhand.protocol.specs import with_id
from millhand.v1 import task_pb2, task_service_pb2

#: All tasks of a batch or none, or each on its own.
Mode = Literal["atomic", "per_item"]

_MODES = {
    "atomic": task_service_pb2.REGISTER_MODE_ATOMIC,
    "per_item": task_service_pb2.REGISTER_MODE_PER_ITEM,
}


def register_mode(mode: str) -> task_service_pb2.RegisterMode:
    if mode not in _MODES:
        raise times.invalid("mode", f"{mode!r} is neither 'atomic' nor 'per_item'")
    return _MODES[mode]


def view(full: bool) -> task_service_pb2.TaskView:
    return task_service_pb2.TASK_VIEW_FULL if full else task_service_pb2.TASK_VIEW_BASIC


def register_tasks(specs: Iterable[task_pb2.TaskSpec], mode: str) -> task_service_pb2.RegisterTasksRequest:
    return task_service_pb2.RegisterTasksRequest(
        tasks=[with_id(spec) for spec in specs], mode=register_mode(mode)
    )


def session_register(specs: Iterable[task_pb2.TaskSpec], mode: str) -> task_service_pb2.SessionRegister:
    return task_service_pb2.SessionRegister(tasks=specs, mode=register_mode(mode))


def execute(
    target: task_pb2.TaskSpec | str, timeout_s: float | None, cancel_on_timeout: bool, full: bool
) -> task_service_pb2.ExecuteTaskRequest:
    request = task_service_pb2.ExecuteTaskRequest(view=view(full))
    if isinstance(target, str):
        request.id = target
    else:
        request.task.CopyFrom(target)
    if timeout_s is not None:
        request.timeout.CopyFrom(times.duration(timeout_s, "timeout"))
    if cancel_on_timeout:
        request.on_timeout = task_service_pb2.ON_TIMEOUT_CANCEL
    return request


def cancel(task_id: str, reason: str, wait: times.Seconds | None) -> task_service_pb2.CancelTaskRequest:
    request = task_service_pb2.CancelTaskRequest(id=task_id, reason=reason)
    if wait is not None:
        request.wait.CopyFrom(times.duration(wait, "wait"))
    return request


def cancel_all_and_wait(
    reason: str, timeout: times.Seconds | None, **options: Unpack[FilterOptions]
) -> task_service_pb2.CancelAllAndWaitRequest:
    request = task_service_pb2.CancelAllAndWaitRequest(filter=task_filter(**options), reason=reason)
    if timeout is not None:
        request.timeout.CopyFrom(times.duration(timeout, "timeout"))
    return request


def wait(timeout: times.Seconds | None, **options: Unpack[FilterOptions]) -> task_service_pb2.WaitRequest:
    request = task_service_pb2.WaitRequest(filter=task_filter(**options))
    if timeout is not None:
        request.timeout.CopyFrom(times.duration(timeout, "timeout"))
    return request


def shutdown(now: bool, timeout: times.Seconds | None, node_id: str) -> task_service_pb2.ShutdownRequest:
    mode = task_service_pb2.SHUTDOWN_MODE_NOW if now else task_service_pb2.SHUTDOWN_MODE_GRACEFUL
    request = task_service_pb2.ShutdownRequest(mode=mode, node_id=node_id)
    if timeout is not None:
        request.timeout.CopyFrom(times.duration(timeout, "timeout"))
    return request
