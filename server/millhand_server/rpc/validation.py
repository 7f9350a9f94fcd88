"""The shape of every request: one check for each message type, found by `check`.

Shape only: bounds, signs, enum numbers, what must be there. What a value means is for the manager to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Sized
from typing import Any, TypeVar

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message

from millhand.v1 import task_pb2, task_service_pb2
from millhand_server.core.errors import InvalidTaskId, MillhandError
from millhand_server.core.task import TaskSpec
from millhand_server.engine.options import Limits
from millhand_server.rpc.faults import Faults
from millhand_server.rpc.validation_task import check_duration, check_task, check_timestamp, read_task
from millhand_server.rpc.validation_text import (
    MAX_TEXT_BYTES,
    check_identifier,
    check_labels,
    check_names,
    check_text,
    is_too_many,
)

#: What a filter may list: ids, and values of its other fields.
MAX_FILTER_IDS = 10_000
MAX_FILTER_VALUES = 1_000

T = TypeVar("T")


def check(request: Message, limits: Limits) -> None:
    """Checks a request or a message of a Session, and names everything that is wrong with it.

    Raises:
        MillhandError: InvalidArgument, or a nearer kind when all faults are of that kind.
    """
    faults = Faults()
    CHECKS[type(request)](faults, request, limits)
    faults.check()


def read(request: task_service_pb2.SessionRequest, limits: Limits) -> Sequence[TaskSpec | MillhandError]:
    """Checks a message of a Session, as `check` does, and returns the tasks that it registers.

    In the mode PER_ITEM a task that is wrong is an error in its place.

    Raises:
        MillhandError: as `check`.
    """
    faults = Faults()
    tasks = _session_request(faults, request, limits)
    faults.check()
    return tasks


def read_each(tasks: Iterable[task_pb2.TaskSpec], limits: Limits) -> list[TaskSpec | MillhandError]:
    """Checks and reads a batch whose tasks fail one by one."""
    found: list[TaskSpec | MillhandError] = []
    below = Faults()
    for index, task in enumerate(tasks):
        spec = read_task(below, task, limits)
        if below:
            faults = Faults()
            faults.include(below, f"tasks[{index}].")
            found.append(faults.error())
            below = Faults()
        else:
            found.append(spec)
    return found


def _register_task(faults: Faults, request: task_service_pb2.RegisterTaskRequest, limits: Limits) -> None:
    if not request.HasField("task"):
        faults.add("task", "is missing")
        return
    _task(faults, "task.", request.task, limits)


def _register_tasks(faults: Faults, request: task_service_pb2.RegisterTasksRequest, limits: Limits) -> None:
    if _is_batch(faults, request, limits) and request.mode != task_service_pb2.REGISTER_MODE_PER_ITEM:
        _tasks(faults, request.tasks, limits, check_task)


def _session_register(
    faults: Faults, message: task_service_pb2.SessionRegister, limits: Limits
) -> Sequence[TaskSpec | MillhandError]:
    if not _is_batch(faults, message, limits):
        return ()
    if message.mode == task_service_pb2.REGISTER_MODE_PER_ITEM:
        return read_each(message.tasks, limits)
    return _tasks(faults, message.tasks, limits, read_task)


def _execute_task(faults: Faults, request: task_service_pb2.ExecuteTaskRequest, limits: Limits) -> None:
    match request.WhichOneof("target"):
        case "id":
            check_identifier(faults, "id", request.id, InvalidTaskId)
        case "task":
            _task(faults, "task.", request.task, limits)
        case _:
            faults.add("target", "is missing: set `id` or `task`")
    _duration(faults, request, "timeout")
    _enum(faults, request, "on_timeout")
    _enum(faults, request, "view")


def _cancel_task(faults: Faults, request: task_service_pb2.CancelTaskRequest, _: Limits) -> None:
    check_identifier(faults, "id", request.id, InvalidTaskId)
    check_text(faults, "reason", request.reason, MAX_TEXT_BYTES)
    _duration(faults, request, "wait")


def _cancel_all(faults: Faults, request: task_service_pb2.CancelAllRequest, _: Limits) -> None:
    _filter(faults, request)
    check_text(faults, "reason", request.reason, MAX_TEXT_BYTES)


def _cancel_all_and_wait(
    faults: Faults, request: task_service_pb2.CancelAllAndWaitRequest, _: Limits
) -> None:
    _filter(faults, request)
    check_text(faults, "reason", request.reason, MAX_TEXT_BYTES)
    _duration(faults, request, "timeout")


def _get_task(faults: Faults, request: task_service_pb2.GetTaskRequest, _: Limits) -> None:
    check_identifier(faults, "id", request.id, InvalidTaskId)
    _enum(faults, request, "view")


def _get_tasks(faults: Faults, request: task_service_pb2.GetTasksRequest, _: Limits) -> None:
    _filter(faults, request)
    _page_size(faults, request.page_size)
    _enum(faults, request, "view")


def _get_active_tasks(faults: Faults, request: task_service_pb2.GetActiveTasksRequest, _: Limits) -> None:
    _page_size(faults, request.page_size)


def _stream_results(faults: Faults, request: task_service_pb2.StreamResultsRequest, _: Limits) -> None:
    _filter(faults, request)
    if request.close_on_completion and not request.filter.ids:
        faults.add("filter.ids", "is empty; close_on_completion ends the stream when these tasks are done")
    _enum(faults, request, "slow_reader")
    _enum(faults, request, "view")


def _get_results(faults: Faults, request: task_service_pb2.GetResultsRequest, _: Limits) -> None:
    _filter(faults, request)
    _page_size(faults, request.page_size)
    _enum(faults, request, "view")


def _start_workers(faults: Faults, request: task_service_pb2.StartWorkersRequest, _: Limits) -> None:
    if request.count < 0:
        faults.add("count", f"is {request.count}; 0 and more are allowed")
    check_text(faults, "node_id", request.node_id)


def _wait(faults: Faults, request: task_service_pb2.WaitRequest, _: Limits) -> None:
    _filter(faults, request)
    _duration(faults, request, "timeout")


def _shutdown(faults: Faults, request: task_service_pb2.ShutdownRequest, _: Limits) -> None:
    _enum(faults, request, "mode")
    _duration(faults, request, "timeout")
    check_text(faults, "node_id", request.node_id)


def _explain_task(faults: Faults, request: task_service_pb2.ExplainTaskRequest, _: Limits) -> None:
    check_identifier(faults, "id", request.id, InvalidTaskId)


def _session_request(
    faults: Faults, request: task_service_pb2.SessionRequest, limits: Limits
) -> Sequence[TaskSpec | MillhandError]:
    check_text(faults, "request_id", request.request_id)
    kind = request.WhichOneof("kind")
    if kind is None:
        faults.add("kind", "is missing, or one that this server does not know")
        return ()
    message = getattr(request, kind)
    below = Faults()
    tasks = CHECKS[type(message)](below, message, limits)
    if below:
        faults.include(below, f"{kind}.")
    return tasks or ()


def _session_hello(faults: Faults, message: task_service_pb2.SessionHello, _: Limits) -> None:
    check_text(faults, "client_name", message.client_name)
    if message.session_id:
        check_identifier(faults, "session_id", message.session_id)


def _session_cancel(faults: Faults, message: task_service_pb2.SessionCancel, limits: Limits) -> None:
    _batch(faults, "ids", message.ids, limits)
    if not faults:
        for index, task_id in enumerate(message.ids):
            check_identifier(faults, f"ids[{index}]", task_id, InvalidTaskId)
            if faults.are_enough:
                break
    check_text(faults, "reason", message.reason, MAX_TEXT_BYTES)


def _session_subscribe(faults: Faults, message: task_service_pb2.SessionSubscribe, _: Limits) -> None:
    _filter(faults, message)
    _enum(faults, message, "view")
    _enum(faults, message, "scope")


def _session_credit(faults: Faults, message: task_service_pb2.SessionCredit, _: Limits) -> None:
    if message.results <= 0:
        faults.add("results", f"is {message.results}; 1 and more are allowed")


def _nothing(faults: Faults, request: Message, limits: Limits) -> None:
    """For messages in which nothing can be wrong."""


#: Notes what is wrong with a request; one for messages of a Session returns the tasks in it.
_Check = Callable[[Faults, Any, Limits], Sequence[TaskSpec | MillhandError] | None]

#: A test walks the contract: every request has its check.
CHECKS: dict[type[Message], _Check] = {
    task_service_pb2.RegisterTaskRequest: _register_task,
    task_service_pb2.RegisterTasksRequest: _register_tasks,
    task_service_pb2.ExecuteTaskRequest: _execute_task,
    task_service_pb2.CancelTaskRequest: _cancel_task,
    task_service_pb2.CancelAllRequest: _cancel_all,
    task_service_pb2.CancelAllAndWaitRequest: _cancel_all_and_wait,
    task_service_pb2.GetTaskRequest: _get_task,
    task_service_pb2.GetTasksRequest: _get_tasks,
    task_service_pb2.GetActiveTasksRequest: _get_active_tasks,
    task_service_pb2.StreamResultsRequest: _stream_results,
    task_service_pb2.GetResultsRequest: _get_results,
    task_service_pb2.GetCancelledRequest: _nothing,
    task_service_pb2.StartWorkersRequest: _start_workers,
    task_service_pb2.WaitRequest: _wait,
    task_service_pb2.ShutdownRequest: _shutdown,
    task_service_pb2.ListHandlersRequest: _nothing,
    task_service_pb2.GetServerInfoRequest: _nothing,
    task_service_pb2.ExplainTaskRequest: _explain_task,
    task_service_pb2.SessionRequest: _session_request,
    task_service_pb2.SessionHello: _session_hello,
    task_service_pb2.SessionRegister: _session_register,
    task_service_pb2.SessionCancel: _session_cancel,
    task_service_pb2.SessionSubscribe: _session_subscribe,
    task_service_pb2.SessionUnsubscribe: _nothing,
    task_service_pb2.SessionCredit: _session_credit,
    task_service_pb2.SessionPing: _nothing,
}


def _task(faults: Faults, prefix: str, task: task_pb2.TaskSpec, limits: Limits) -> None:
    below = Faults()
    check_task(below, task, limits)
    if below:
        faults.include(below, prefix)


def _is_batch(
    faults: Faults,
    request: task_service_pb2.RegisterTasksRequest | task_service_pb2.SessionRegister,
    limits: Limits,
) -> bool:
    """Checks a batch but for its tasks, and tells whether it is worth while to look at them."""
    _enum(faults, request, "mode")
    _batch(faults, "tasks", request.tasks, limits)
    return not faults


def _tasks(
    faults: Faults,
    tasks: Iterable[task_pb2.TaskSpec],
    limits: Limits,
    look: Callable[[Faults, task_pb2.TaskSpec, Limits], T],
) -> list[T]:
    """Looks at the tasks of a batch that is taken or refused whole; returns what the looks did."""
    found: list[T] = []
    below = Faults()
    for index, task in enumerate(tasks):
        found.append(look(below, task, limits))
        if below:
            faults.include(below, f"tasks[{index}].")
            below = Faults()
            if faults.are_enough:
                break
    return found


def _batch(faults: Faults, field: str, items: Sized, limits: Limits) -> None:
    count = len(items)
    if not count:
        faults.add(field, "is empty")
    elif count > limits.max_batch_tasks:
        limit = limits.max_batch_tasks
        faults.add(field, f"has {count} entries; at most {limit} (max_batch_tasks) are allowed")


def _duration(faults: Faults, request: Any, field: str) -> None:
    if request.HasField(field):
        check_duration(faults, field, getattr(request, field))


def _enum(faults: Faults, request: Any, field: str) -> None:
    number = getattr(request, field)
    if not number:
        # Unspecified, which every enum has.
        return
    known: EnumDescriptor = request.DESCRIPTOR.fields_by_name[field].enum_type
    if number not in known.values_by_number:
        faults.add(field, f"is {number}, which is no {known.name} that this server knows")


def _page_size(faults: Faults, page_size: int) -> None:
    if page_size < 0:
        faults.add("page_size", f"is {page_size}; 0 (the default, 100) and more are allowed")


def _filter(faults: Faults, request: Any) -> None:
    if not request.HasField("filter"):
        return
    wanted: task_pb2.TaskFilter = request.filter
    check_names(faults, "filter.ids", wanted.ids, MAX_FILTER_IDS)
    for field in ("handlers", "queues"):
        check_names(faults, f"filter.{field}", getattr(wanted, field), MAX_FILTER_VALUES)
    _statuses(faults, wanted)
    check_labels(faults, "filter.labels", wanted.labels)
    check_text(faults, "filter.correlation_id", wanted.correlation_id)
    for field in ("created_after", "created_before"):
        if wanted.HasField(field):
            check_timestamp(faults, f"filter.{field}", getattr(wanted, field))


def _statuses(faults: Faults, wanted: task_pb2.TaskFilter) -> None:
    if is_too_many(faults, "filter.statuses", wanted.statuses, MAX_FILTER_VALUES):
        return
    known = task_pb2.TaskStatus.DESCRIPTOR.values_by_number
    for index, number in enumerate(wanted.statuses):
        if number == task_pb2.TASK_STATUS_UNSPECIFIED or number not in known:
            faults.add(f"filter.statuses[{index}]", f"is {int(number)}, which is no status")
