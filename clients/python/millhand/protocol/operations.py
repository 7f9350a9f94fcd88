"""The unary operations: a request, a call, the answer read. The methods of both clients are made of these."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from typing import Any, Unpack

from millhand.enums import CancelOutcome
from millhand.protocol import records, requests, times
from millhand.protocol.filters import FilterOptions, task_filter
from millhand.protocol.full_queue import FullQueue, register_all
from millhand.protocol.specs import TaskOptions, task_spec
from millhand.protocol.steps import Call, Operation, Terms
from millhand.v1 import handler_pb2, task_pb2
from millhand.v1 import task_service_pb2 as pb


def register(
    terms: Terms,
    handler: str,
    payload: object = None,
    *,
    retry_when_full: times.Seconds | None = None,
    **options: Unpack[TaskOptions],
) -> Operation[task_pb2.Task]:
    """Registers a task and returns it; its life no longer depends on this client.

    Args:
        handler: The handler's name.
        payload: What it gets; None is nothing at all.
        retry_when_full: For how long to try again while the queue is full, as often as the server advises;
            None raises QueueFull at once.
        options: See `TaskOptions`.
    """
    request = pb.RegisterTaskRequest(task=task_spec(handler, payload, **options))
    call = Call("RegisterTask", request, terms.timeout_s)
    response: pb.RegisterTaskResponse = yield from FullQueue(retry_when_full, terms.now).retrying(call)
    return response.task


def register_many(
    terms: Terms,
    specs: Iterable[task_pb2.TaskSpec],
    mode: requests.Mode = "atomic",
    *,
    retry_when_full: times.Seconds | None = None,
) -> Operation[list[records.Registered]]:
    """Registers tasks made by `task_spec`, in one call, and answers in their order.

    With mode "atomic" one refusal refuses all and is raised; with "per_item" it is that answer's `error`.
    With `retry_when_full` (see `register`) what the full queue refused is sent again, and nothing else.
    """

    def send(batch: list[task_pb2.TaskSpec]) -> Operation[list[records.Registered]]:
        call = Call("RegisterTasks", requests.register_tasks(batch, mode), terms.timeout_s)
        response: pb.RegisterTasksResponse = yield call
        return [records.registered_of(result) for result in response.results]

    return (yield from register_all(send, specs, FullQueue(retry_when_full, terms.now)))


def get(terms: Terms, task_id: str, *, full: bool = False) -> Operation[task_pb2.Task]:
    """The task; with its payload if `full`."""
    request = pb.GetTaskRequest(id=task_id, view=requests.view(full))
    response: pb.GetTaskResponse = yield Call("GetTask", request, terms.timeout_s)
    return response.task


class Pages:
    """A listing that is fetched page by page, as it is read."""

    def __init__(self, terms: Terms, method: str, request: Any) -> None:
        self.over = False
        self._terms = terms
        self._method = method
        self._request = request

    def fetch(self) -> Operation[list[task_pb2.Task]]:
        """The next page's tasks."""
        response: Any = yield Call(self._method, self._request, self._terms.timeout_s)
        # A copy: gRPC may still hold the message of the page before.
        self._request = copy(self._request)
        self._request.page_token = response.next_page_token
        self.over = not response.next_page_token
        return [*response.tasks]


def list_tasks(
    terms: Terms,
    *,
    page_size: int = 0,
    order_by: str = "",
    full: bool = False,
    **filter_options: Unpack[FilterOptions],
) -> Pages:
    """Every matching task, fetched page by page as they are read. See `FilterOptions`.

    Args:
        page_size: Tasks in a page; 0 leaves it to the server.
        order_by: `create_time` (the default), `due_time` or `priority`, each also with ` desc`.
        full: Whether the tasks have their payload.
    """
    chosen = task_filter(**filter_options)
    request = pb.GetTasksRequest(
        filter=chosen, page_size=page_size, order_by=order_by, view=requests.view(full)
    )
    return Pages(terms, "GetTasks", request)


def active(terms: Terms) -> Pages:
    """The tasks that have a live attempt, fetched page by page as they are read."""
    return Pages(terms, "GetActiveTasks", pb.GetActiveTasksRequest())


def explain(terms: Terms, task_id: str) -> Operation[pb.ExplainTaskResponse]:
    """Why the task is not running, most binding reason first; no reasons if it is final."""
    response: pb.ExplainTaskResponse = yield Call(
        "ExplainTask", pb.ExplainTaskRequest(id=task_id), terms.timeout_s
    )
    return response


def cancel(
    terms: Terms, task_id: str, reason: str = "", *, wait: times.Seconds | None = None
) -> Operation[records.CancelAnswer]:
    """Cancels a task and says what came of it: SIGNALLED means that running code was asked to stop.

    Args:
        task_id: Which one.
        reason: What the task will say of why.
        wait: How long to wait for running code to stop; None does not wait.
    """
    request = requests.cancel(task_id, reason, wait)
    deadline_s = terms.deadline_s(times.optional_s(wait, "wait") or 0.0)
    response: pb.CancelTaskResponse = yield Call("CancelTask", request, deadline_s)
    return records.CancelAnswer(CancelOutcome(response.outcome), response.task)


def cancel_all(
    terms: Terms, reason: str = "", **filter_options: Unpack[FilterOptions]
) -> Operation[records.CancelledAll]:
    """Cancels every matching task that was accepted before; without a filter, every one."""
    request = pb.CancelAllRequest(filter=task_filter(**filter_options), reason=reason)
    response: pb.CancelAllResponse = yield Call("CancelAll", request, terms.timeout_s)
    return records.CancelledAll(records.counts_by_outcome(response.counts))


def cancel_all_and_wait(
    terms: Terms,
    reason: str = "",
    *,
    timeout: times.Seconds | None = None,
    **filter_options: Unpack[FilterOptions],
) -> Operation[records.CancelledAll]:
    """Cancels as `cancel_all` does and waits until all have stopped, or `timeout`, whichever is first."""
    request = requests.cancel_all_and_wait(reason, timeout, **filter_options)
    deadline_s = terms.deadline_s(times.optional_s(timeout, "timeout"))
    response: pb.CancelAllAndWaitResponse = yield Call("CancelAllAndWait", request, deadline_s)
    return records.CancelledAll(records.counts_by_outcome(response.counts), tuple(response.still_running_ids))


def wait(
    terms: Terms, *, timeout: times.Seconds | None = None, **filter_options: Unpack[FilterOptions]
) -> Operation[records.Waited]:
    """Waits until no matching task is unfinished; 0 looks once, None waits as long as it takes."""
    request = requests.wait(timeout, **filter_options)
    deadline_s = terms.deadline_s(times.optional_s(timeout, "timeout"))
    response: pb.WaitResponse = yield Call("Wait", request, deadline_s)
    return records.Waited(response.done, records.counts_by_status(response.counts))


def results_page(
    terms: Terms,
    *,
    after: str = "",
    page_size: int = 0,
    full: bool = False,
    **filter_options: Unpack[FilterOptions],
) -> Operation[records.ResultsPage]:
    """One page of the log, for those who cannot keep a stream open. Reading takes nothing away."""
    request = pb.GetResultsRequest(
        filter=task_filter(**filter_options), after=after, page_size=page_size, view=requests.view(full)
    )
    return records.page_of((yield Call("GetResults", request, terms.timeout_s)))


def handlers(terms: Terms) -> Operation[list[handler_pb2.Handler]]:
    """The server's catalogue."""
    response: pb.ListHandlersResponse = yield Call("ListHandlers", pb.ListHandlersRequest(), terms.timeout_s)
    return [*response.handlers]


def info(terms: Terms) -> Operation[pb.GetServerInfoResponse]:
    """The answering server: its version, node, store, limits and capabilities."""
    response: pb.GetServerInfoResponse = yield Call(
        "GetServerInfo", pb.GetServerInfoRequest(), terms.timeout_s
    )
    return response


def start_workers(
    terms: Terms, count: int | None = None, *, node_id: str = ""
) -> Operation[pb.StartWorkersResponse]:
    """Resizes a node's workers: None is the configured number, 0 drains all; no id, whoever answers."""
    request = pb.StartWorkersRequest(count=count, node_id=node_id)
    response: pb.StartWorkersResponse = yield Call("StartWorkers", request, terms.timeout_s)
    return response


def shutdown(
    terms: Terms, *, now: bool = False, timeout: times.Seconds | None = None, node_id: str = ""
) -> Operation[records.Waited]:
    """Stops a server, which drains for `timeout` (None: as it is configured) unless `now`.

    Returns:
        How many tasks were not final when it stopped; `done` if there were none.
    """
    # A drain of the server's own choosing has no end that is known here.
    deadline_s = terms.deadline_s(times.optional_s(timeout, "timeout"))
    response: pb.ShutdownResponse = yield Call(
        "Shutdown", requests.shutdown(now, timeout, node_id), deadline_s
    )
    counts = records.counts_by_status(response.counts)
    return records.Waited(not any(counts.values()), counts)
