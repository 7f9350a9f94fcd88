"""millhand.v1.TaskService: each method converts in, calls the manager once, and converts out."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from importlib import metadata
from urllib.parse import quote

from millhand.v1 import task_service_pb2 as pb
from millhand_server.core.cursor import Cursor
from millhand_server.core.errors import InvalidArgument
from millhand_server.engine.answers import CloseMode, Drained, ResultFrame
from millhand_server.engine.manager import Caller, TaskManager
from millhand_server.rpc import catalogue, convert, page_token
from millhand_server.rpc.aside import aside
from millhand_server.rpc.context import TRACEPARENT_KEY, CallContext, Requests
from millhand_server.rpc.convert_task import TaskWriter, task_spec
from millhand_server.rpc.frame_size import MAX_PAGE_BYTES, size_of, that_fit
from millhand_server.rpc.registering import register_batch, write_results
from millhand_server.rpc.session import Session
from millhand_server.rpc.waits import wait_us
from millhand_server.rpc.wire_time import duration_us, write_duration

#: The initial metadata that tells the id of the task that an ExecuteTask waits for.
TASK_ID_KEY = "millhand-task-id"

#: Read once: looking a distribution up goes through the files of all that are installed.
_VERSION = metadata.version("millhand")

#: Optional abilities of a server, of which this one has none yet; fields that need one are refused.
CAPABILITIES: tuple[str, ...] = ()


class TaskService:
    """The servicer. Requests have been checked for their shape; errors are the chain's to answer."""

    def __init__(
        self,
        manager: TaskManager,
        *,
        reach: Callable[[], catalogue.Reach],
        on_shutdown: Callable[[CloseMode, int | None], Awaitable[Drained]],
    ) -> None:
        """Takes the manager; `reach` tells how examples may call, `on_shutdown` closes the manager."""
        self._manager = manager
        self._reach = reach
        self._on_shutdown = on_shutdown
        self._writer = TaskWriter(manager.catalogue, manager.limits.max_message_bytes)

    async def RegisterTask(
        self, request: pb.RegisterTaskRequest, context: CallContext
    ) -> pb.RegisterTaskResponse:
        inserted = await self._manager.register_task(task_spec(request.task), caller=_caller(context))
        return pb.RegisterTaskResponse(task=self._writer.task(inserted.task), created=inserted.created)

    async def RegisterTasks(
        self, request: pb.RegisterTasksRequest, context: CallContext
    ) -> pb.RegisterTasksResponse:
        size = context.last_received_bytes
        answers = await register_batch(self._manager, request, _caller(context), size=size)
        response = pb.RegisterTasksResponse()
        await write_results(response, answers, self._writer, size=size)
        return response

    async def ExecuteTask(
        self, request: pb.ExecuteTaskRequest, context: CallContext
    ) -> pb.ExecuteTaskResponse:
        task = await self._manager.execute_task(
            request.id or task_spec(request.task),
            timeout_us=wait_us(request.timeout if request.HasField("timeout") else None, context),
            cancel_on_timeout=request.on_timeout == pb.ON_TIMEOUT_CANCEL,
            caller=_caller(context),
            on_accepted=lambda task_id: context.send_initial_metadata([(TASK_ID_KEY, _header(task_id))]),
        )
        cursor = Cursor(self._manager.epoch, task.position)
        response = pb.ExecuteTaskResponse()
        self._writer.result(task, cursor, full=convert.is_full(request.view), into=response.result)
        return response

    async def CancelTask(self, request: pb.CancelTaskRequest, context: CallContext) -> pb.CancelTaskResponse:
        done = await self._manager.cancel_task(
            request.id,
            request.reason,
            wait_us=wait_us(request.wait, context) if request.HasField("wait") else None,
            caller=_caller(context),
        )
        return pb.CancelTaskResponse(
            outcome=done.outcome.value,  # type: ignore[arg-type]
            task=self._writer.task(done.task),
        )

    async def CancelAll(self, request: pb.CancelAllRequest, context: CallContext) -> pb.CancelAllResponse:
        wanted = convert.task_filter(request.filter)
        done = await self._manager.cancel_all(wanted, request.reason, caller=_caller(context))
        return pb.CancelAllResponse(counts=convert.cancel_counts(done.counts))

    async def CancelAllAndWait(
        self, request: pb.CancelAllAndWaitRequest, context: CallContext
    ) -> pb.CancelAllAndWaitResponse:
        done = await self._manager.cancel_all_and_wait(
            convert.task_filter(request.filter),
            request.reason,
            timeout_us=wait_us(request.timeout if request.HasField("timeout") else None, context),
            caller=_caller(context),
        )
        return convert.all_cancelled(done)

    async def GetTask(self, request: pb.GetTaskRequest, context: CallContext) -> pb.GetTaskResponse:
        task = await self._manager.get_task(request.id)
        return pb.GetTaskResponse(task=self._writer.task(task, full=convert.is_full(request.view)))

    async def GetTasks(self, request: pb.GetTasksRequest, context: CallContext) -> pb.GetTasksResponse:
        page = page_token.page(request.page_size, request.page_token, request.order_by, request.filter)
        found = await self._manager.get_tasks(convert.task_filter(request.filter), page)
        full = convert.is_full(request.view)
        size = size_of(found.tasks, full=full)
        tasks = await aside(
            size, lambda: that_fit(self._writer.task(task, full=full) for task in found.tasks)
        )
        return pb.GetTasksResponse(
            tasks=tasks,
            next_page_token=page_token.token_after(found, len(tasks), page, request.filter),
            total_size=found.total,
            total_size_is_exact=found.total_is_exact,
        )

    async def GetActiveTasks(
        self, request: pb.GetActiveTasksRequest, context: CallContext
    ) -> pb.GetActiveTasksResponse:
        page = page_token.page(request.page_size, request.page_token, "", None)
        found = await self._manager.get_active_tasks(page)
        tasks = that_fit(self._writer.task(task) for task in found.tasks)
        return pb.GetActiveTasksResponse(
            count=found.total,
            tasks=tasks,
            next_page_token=page_token.token_after(found, len(tasks), page, None),
        )

    async def StreamResults(
        self, request: pb.StreamResultsRequest, context: CallContext
    ) -> AsyncIterator[pb.StreamResultsResponse]:
        full = convert.is_full(request.view)
        async with aclosing(self._manager.stream_results(convert.read_request(request))) as frames:
            async for frame in frames:
                size = size_of([frame.task], full=full) if isinstance(frame, ResultFrame) else 0
                yield await aside(size, partial(convert.stream_frame, frame, self._writer, full=full))

    async def GetResults(self, request: pb.GetResultsRequest, context: CallContext) -> pb.GetResultsResponse:
        page = await self._manager.get_results(
            convert.task_filter(request.filter),
            after=request.after,
            limit=page_token.page_limit(request.page_size),
            max_bytes=MAX_PAGE_BYTES,
        )
        full = convert.is_full(request.view)
        results = (self._writer.result(frame.task, frame.cursor, full=full) for frame in page.results)
        size = size_of((frame.task for frame in page.results), full=full)
        return convert.results_page(page, await aside(size, partial(that_fit, results)))

    async def GetCancelled(
        self, request: pb.GetCancelledRequest, context: CallContext
    ) -> AsyncIterator[pb.GetCancelledResponse]:
        cancelled = self._manager.get_cancelled(request.after, follow=request.follow)
        async with aclosing(cancelled) as frames:
            async for frame in frames:
                yield convert.cancelled_frame(frame, self._writer)

    async def StartWorkers(
        self, request: pb.StartWorkersRequest, context: CallContext
    ) -> pb.StartWorkersResponse:
        count = request.count if request.HasField("count") else None
        resized = await self._manager.start_workers(count, node_id=request.node_id)
        return pb.StartWorkersResponse(before=resized.before, after=resized.after)

    async def Wait(self, request: pb.WaitRequest, context: CallContext) -> pb.WaitResponse:
        end = await self._manager.wait(
            convert.task_filter(request.filter),
            timeout_us=wait_us(request.timeout if request.HasField("timeout") else None, context),
            caller=_caller(context),
        )
        return convert.wait_end(end)

    async def Shutdown(self, request: pb.ShutdownRequest, context: CallContext) -> pb.ShutdownResponse:
        if request.node_id not in ("", self._manager.node):
            raise InvalidArgument(f"this server knows no node {request.node_id!r}", field="node_id")
        timeout_us = duration_us(request.timeout) if request.HasField("timeout") else None
        drained = await self._on_shutdown(CloseMode(request.mode or CloseMode.GRACEFUL), timeout_us)
        return pb.ShutdownResponse(counts=convert.status_counts(drained.counts))

    async def Session(self, requests: Requests, context: CallContext) -> None:
        await Session(self._manager, self._writer, context).run(requests)

    async def ListHandlers(
        self, request: pb.ListHandlersRequest, context: CallContext
    ) -> pb.ListHandlersResponse:
        entries = sorted(self._manager.catalogue, key=lambda entry: entry.name)
        handlers = [catalogue.handler(entry, self._reach()) for entry in entries]
        return pb.ListHandlersResponse(handlers=handlers)

    async def GetServerInfo(
        self, request: pb.GetServerInfoRequest, context: CallContext
    ) -> pb.GetServerInfoResponse:
        response = pb.GetServerInfoResponse(
            version=_VERSION,
            node_id=self._manager.node,
            store=self._manager.store_name,
            limits=convert.limits(self._manager.limits),
            capabilities=CAPABILITIES,
        )
        write_duration(response.uptime, max(0, time.time_ns() // 1_000 - self._manager.started_us))
        return response

    async def ExplainTask(
        self, request: pb.ExplainTaskRequest, context: CallContext
    ) -> pb.ExplainTaskResponse:
        return convert.explanation(await self._manager.explain_task(request.id))


def _caller(context: CallContext) -> Caller:
    return Caller(principal=context.principal, traceparent=context.metadata(TRACEPARENT_KEY))


def _header(task_id: str) -> str:
    """Returns an id as metadata can carry it: what is not plain ASCII percent-encoded, as in grpc-message."""
    if task_id.isascii() and task_id.isprintable() and "%" not in task_id and " " not in task_id:
        return task_id
    return quote(task_id, safe=_PLAIN)


_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")
