"""The sync client: each operation is one method that builds a request, calls, and reads the answer."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self, Unpack

import grpc

from millhand import errors
from millhand.channel import Calls, Stream, SystemClock, open_channel
from millhand.protocol import records, requests, times
from millhand.protocol.filters import FilterOptions, task_filter
from millhand.protocol.ids import new_id
from millhand.protocol.reconnect import Clock, Reconnect
from millhand.protocol.resume import OnGap, Resume
from millhand.protocol.session import SessionState
from millhand.protocol.specs import TaskOptions, task_spec, with_id
from millhand.reader import LogReader
from millhand.session import Session
from millhand.v1 import handler_pb2, task_pb2, task_service_pb2_grpc
from millhand.v1 import task_service_pb2 as pb

# `list` is a method below, and inside the class the name means it.
_Registrations = list[records.Registered]
_Tasks = list[task_pb2.Task]
_Catalogue = list[handler_pb2.Handler]
_Read = records.Result | records.Gap | records.Progress


class Client:
    """A connection to a Millhand server. Thread-safe: make one and share it.

    It connects when it is first used and again whenever the connection breaks, and is closed by `close` or by
    leaving its `with` block. Every method raises a MillhandError for what the server refuses. A client does
    not survive `os.fork()`: used in the child it raises ClientForked.

    Args:
        address: `host:port`.
        token: Sent with every call as a bearer token. Without TLS it travels in the clear.
        tls_ca: A PEM file with the authority that signed the server's certificate; turns TLS on.
        credentials: gRPC's own, instead of `tls_ca`, for instance with a client certificate.
        channel: A channel to use instead of opening one; the client closes it.
        timeout: How long one call may take. What waits (execute, wait, a cancel's `wait`) has its own, to
            which this is added for the way there and back. None means no limit.
        reconnect_timeout: How long results, sessions and `execute` try to get a lost server back; None: for
            ever.
        name: What this program calls itself in a session.
        clock: The time that reconnecting goes by; tests give a fake one.
    """

    def __init__(
        self,
        address: str = "127.0.0.1:50051",
        *,
        token: str | None = None,
        tls_ca: str | os.PathLike[str] | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        channel: grpc.Channel | None = None,
        timeout: times.Seconds | None = 30.0,
        reconnect_timeout: times.Seconds | None = 120.0,
        name: str = "",
        clock: Clock | None = None,
    ) -> None:
        channel = channel if channel is not None else open_channel(address, tls_ca, credentials)
        self._calls = Calls(channel, token)
        self._stub = task_service_pb2_grpc.TaskServiceStub(channel)
        self._timeout_s = _optional_s(timeout, "timeout")
        self._patience_s = _optional_s(reconnect_timeout, "reconnect_timeout")
        self._name = name
        self._clock = clock or SystemClock(self._calls.closed)

    def execute(
        self,
        handler: str,
        payload: object = None,
        *,
        timeout: times.Seconds | None = None,
        cancel_on_timeout: bool = False,
        **options: Unpack[TaskOptions],
    ) -> Any:
        """Runs a task and returns its output.

        Args:
            handler: The handler's name.
            payload: What it gets: JSON-like data, bytes, a `Blob` or a protobuf message; None is nothing at
                all.
            timeout: How long to wait; None waits for the task however long it takes. One attempt's own limit
                is the option `attempt_timeout`.
            cancel_on_timeout: Whether a task that was not done in time is cancelled or goes on.
            options: See `TaskOptions`.

        Raises:
            TaskFailed, TaskCancelledError, TaskTimedOut: If the task ended without an output.
            WaitTimedOut: If the wait is over before the task is; `metadata["task_id"]` names it.
        """
        spec = task_spec(handler, payload, **options)
        return self.execute_task(spec, timeout=timeout, cancel_on_timeout=cancel_on_timeout).unwrap()

    def execute_task(
        self,
        target: task_pb2.TaskSpec | str,
        *,
        timeout: times.Seconds | None = None,
        cancel_on_timeout: bool = False,
        full: bool = False,
    ) -> records.Result:
        """Runs a spec, or a registered task by its id ahead of its turn; the result says how it ended.

        A lost connection is no end: the call joins the same task again, as long as that makes sense.
        """
        target = target if isinstance(target, str) else with_id(target)
        seconds = _optional_s(timeout, "timeout")
        give_up_at = None if seconds is None else self._clock.time() + seconds
        reconnect = Reconnect(self._patience_s)
        while True:
            left_s = None if give_up_at is None else max(0.0, give_up_at - self._clock.time())
            request = requests.execute(target, left_s, cancel_on_timeout, full)
            try:
                response = self._calls.unary(self._stub.ExecuteTask, request, self._deadline_s(left_s))
                return records.Result(response.result)
            except errors.MillhandError as error:
                if "task_id" in error.metadata:
                    # The server had taken the task before the connection broke.
                    reconnect.progressed()
                error.metadata.setdefault("task_id", target if isinstance(target, str) else target.id)
                self._clock.sleep_for(reconnect.delay_after(error, self._clock.time()))

    def register(self, handler: str, payload: object = None, **options: Unpack[TaskOptions]) -> task_pb2.Task:
        """Registers a task and returns it; its life no longer depends on this client."""
        request = pb.RegisterTaskRequest(task=task_spec(handler, payload, **options))
        return self._calls.unary(self._stub.RegisterTask, request, self._timeout_s).task

    def register_many(
        self, specs: Iterable[task_pb2.TaskSpec], mode: requests.Mode = "atomic"
    ) -> _Registrations:
        """Registers tasks made by `task_spec`, in one call, and answers in their order.

        With mode "atomic" one refusal refuses all and is raised; with "per_item" it is that answer's `error`.
        """
        request = requests.register_tasks(specs, mode)
        response = self._calls.unary(self._stub.RegisterTasks, request, self._timeout_s)
        return [records.registered_of(result) for result in response.results]

    def get(self, task_id: str, *, full: bool = False) -> task_pb2.Task:
        """The task; with its payload if `full`."""
        request = pb.GetTaskRequest(id=task_id, view=requests.view(full))
        return self._calls.unary(self._stub.GetTask, request, self._timeout_s).task

    def list(
        self,
        *,
        page_size: int = 0,
        order_by: str = "",
        full: bool = False,
        **filter_options: Unpack[FilterOptions],
    ) -> Iterator[task_pb2.Task]:
        """Every matching task, fetched page by page as they are read. See `FilterOptions`.

        Args:
            page_size: Tasks in a page; 0 leaves it to the server.
            order_by: `create_time` (the default), `due_time` or `priority`, each also with ` desc`.
            full: Whether the tasks have their payload.
        """
        request = pb.GetTasksRequest(
            filter=task_filter(**filter_options),
            page_size=page_size,
            order_by=order_by,
            view=requests.view(full),
        )
        return self._pages(self._stub.GetTasks, request)

    def active(self) -> _Tasks:
        """The tasks that have a live attempt at this moment."""
        return [*self._pages(self._stub.GetActiveTasks, pb.GetActiveTasksRequest())]

    def explain(self, task_id: str) -> pb.ExplainTaskResponse:
        """Why the task is not running, most binding reason first; no reasons if it is final."""
        return self._calls.unary(self._stub.ExplainTask, pb.ExplainTaskRequest(id=task_id), self._timeout_s)

    def cancel(
        self, task_id: str, reason: str = "", *, wait: times.Seconds | None = None
    ) -> records.CancelAnswer:
        """Cancels a task and says what came of it: SIGNALLED means that running code was asked to stop.

        Args:
            task_id: Which one.
            reason: What the task will say of why.
            wait: How long to wait for running code to stop; None does not wait.
        """
        request = requests.cancel(task_id, reason, wait)
        deadline_s = self._deadline_s(_optional_s(wait, "wait") or 0.0)
        response = self._calls.unary(self._stub.CancelTask, request, deadline_s)
        return records.CancelAnswer(records.CancelOutcome(response.outcome), response.task)

    def cancel_all(self, reason: str = "", **filter_options: Unpack[FilterOptions]) -> records.CancelledAll:
        """Cancels every matching task that was accepted before; without a filter, every one."""
        request = pb.CancelAllRequest(filter=task_filter(**filter_options), reason=reason)
        response = self._calls.unary(self._stub.CancelAll, request, self._timeout_s)
        return records.CancelledAll(records.counts_by_outcome(response.counts))

    def cancel_all_and_wait(
        self,
        reason: str = "",
        *,
        timeout: times.Seconds | None = None,
        **filter_options: Unpack[FilterOptions],
    ) -> records.CancelledAll:
        """Cancels as `cancel_all` does and waits until all have stopped, or `timeout`, whichever is first."""
        request = requests.cancel_all_and_wait(reason, timeout, **filter_options)
        deadline_s = self._deadline_s(_optional_s(timeout, "timeout"))
        response = self._calls.unary(self._stub.CancelAllAndWait, request, deadline_s)
        return records.CancelledAll(
            records.counts_by_outcome(response.counts), tuple(response.still_running_ids)
        )

    def wait(
        self, *, timeout: times.Seconds | None = None, **filter_options: Unpack[FilterOptions]
    ) -> records.Waited:
        """Waits until no matching task is unfinished; 0 looks once, None waits as long as it takes."""
        request = requests.wait(timeout, **filter_options)
        deadline_s = self._deadline_s(_optional_s(timeout, "timeout"))
        response = self._calls.unary(self._stub.Wait, request, deadline_s)
        return records.Waited(response.done, records.counts_by_status(response.counts))

    def results(
        self,
        *,
        after: str = "",
        follow: bool = True,
        close_on_completion: bool = False,
        include_progress: bool = False,
        full: bool = False,
        on_gap: OnGap = "yield",
        outlive_shutdown: bool = True,
        **filter_options: Unpack[FilterOptions],
    ) -> LogReader[_Read]:
        """Results as tasks end, each once, across lost connections and restarts.

        It returns when the server has named its place in the log: no later result is missed.

        Args:
            after: The cursor to go on from. Empty means from now on when following without `ids`, else all
                that is retained; "0" is always the oldest retained.
            follow: Whether to wait for more once caught up.
            close_on_completion: Ends when every task of `ids` has ended; those that had ended before are
                given.
            include_progress: Whether to give `Progress` records, too.
            full: Whether the results' tasks have their payload.
            on_gap: What to do about results that cannot be given any more: "yield" a `Gap` among the records,
                "raise" ResultsMissed, or a function to call with the `Gap`.
            outlive_shutdown: Whether to reconnect when the server says that it shuts down.
        """
        request = pb.StreamResultsRequest(
            filter=task_filter(**filter_options),
            follow=follow,
            close_on_completion=close_on_completion,
            include_progress=include_progress,
            view=requests.view(full),
        )
        return self._read_log(self._stub.StreamResults, request, Resume(after, on_gap, outlive_shutdown))

    def cancelled(
        self,
        *,
        after: str = "",
        follow: bool = True,
        on_gap: OnGap = "yield",
        outlive_shutdown: bool = True,
    ) -> LogReader[records.CancelledTask | records.Gap]:
        """Tasks as they become CANCELLED; everything else as in `results`."""
        request = pb.GetCancelledRequest(follow=follow)
        return self._read_log(self._stub.GetCancelled, request, Resume(after, on_gap, outlive_shutdown))

    def results_page(
        self,
        *,
        after: str = "",
        page_size: int = 0,
        full: bool = False,
        **filter_options: Unpack[FilterOptions],
    ) -> records.ResultsPage:
        """One page of the log, for those who cannot keep a stream open. Reading takes nothing away."""
        request = pb.GetResultsRequest(
            filter=task_filter(**filter_options), after=after, page_size=page_size, view=requests.view(full)
        )
        return records.page_of(self._calls.unary(self._stub.GetResults, request, self._timeout_s))

    def session(self, session_id: str = "") -> Session:
        """Opens a session; give the id of an earlier one to go on with its tasks."""
        state = SessionState(session_id or new_id(), self._name)

        def connect(frames: Iterator[pb.SessionRequest]) -> Stream[pb.SessionResponse]:
            return self._calls.stream(self._stub.Session, frames)

        return Session(connect, state, Reconnect(self._patience_s), self._clock, self._timeout_s)

    def handlers(self) -> _Catalogue:
        """The server's catalogue."""
        response = self._calls.unary(self._stub.ListHandlers, pb.ListHandlersRequest(), self._timeout_s)
        return [*response.handlers]

    def info(self) -> pb.GetServerInfoResponse:
        """The answering server: its version, node, store, limits and capabilities."""
        return self._calls.unary(self._stub.GetServerInfo, pb.GetServerInfoRequest(), self._timeout_s)

    def start_workers(self, count: int | None = None, *, node_id: str = "") -> pb.StartWorkersResponse:
        """Resizes a node's workers: None is the configured number, 0 drains all; no id, whoever answers."""
        request = pb.StartWorkersRequest(count=count, node_id=node_id)
        return self._calls.unary(self._stub.StartWorkers, request, self._timeout_s)

    def shutdown(
        self, *, now: bool = False, timeout: times.Seconds | None = None, node_id: str = ""
    ) -> records.Waited:
        """Stops a server, which drains for `timeout` (None: as it is configured) unless `now`.

        Returns:
            How many tasks were not final when it stopped; `done` if there were none.
        """
        request = requests.shutdown(now, timeout, node_id)
        # A drain of the server's own choosing has no end that is known here.
        deadline_s = self._deadline_s(_optional_s(timeout, "timeout"))
        counts = records.counts_by_status(self._calls.unary(self._stub.Shutdown, request, deadline_s).counts)
        return records.Waited(not any(counts.values()), counts)

    def close(self) -> None:
        """Cancels what is under way and closes the connection. The server's tasks are not touched."""
        self._calls.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _pages(self, method: Any, request: Any) -> Iterator[task_pb2.Task]:
        while True:
            response = self._calls.unary(method, request, self._timeout_s)
            yield from response.tasks
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    def _read_log(self, method: Any, request: Any, resume: Resume) -> LogReader[Any]:
        def open_stream(after: str) -> Stream[Any]:
            resumed = type(request)()
            resumed.CopyFrom(request)
            resumed.after = after
            return self._calls.stream(method, resumed)

        return LogReader[Any](open_stream, resume, Reconnect(self._patience_s), self._clock).begin()

    def _deadline_s(self, wait_s: float | None) -> float | None:
        """A deadline behind the wait itself, so that the server's own answer to it arrives first."""
        return None if wait_s is None or self._timeout_s is None else wait_s + self._timeout_s


def _optional_s(value: times.Seconds | None, field: str) -> float | None:
    return None if value is None else times.seconds_of(value, field)
