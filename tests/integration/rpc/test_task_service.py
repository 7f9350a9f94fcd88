from __future__ import annotations

import asyncio
import json
import shlex
from typing import Any

import grpc.aio
import pytest
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from tests.integration.rpc.conftest import SOON_S, drain, failure, reason_of
from tests.integration.rpc.serving import serving, spec

from millhand.v1 import handler_pb2, payload_pb2, task_pb2
from millhand.v1 import task_service_pb2 as pb
from millhand_server.rpc.status import DETAILS_KEY


def _payload(**fields: Any) -> payload_pb2.Payload:
    return json_format.ParseDict({"json": fields}, payload_pb2.Payload())


async def _run_echo(stub: Any, count: int, **fields: Any) -> None:
    await stub.RegisterTasks(pb.RegisterTasksRequest(tasks=[spec(**fields) for _ in range(count)]))
    await stub.Wait(pb.WaitRequest())


async def test_execute_returns_the_output_and_names_the_task_first() -> None:
    async with serving() as server:
        call = server.stub.ExecuteTask(pb.ExecuteTaskRequest(task=spec(payload=_payload(a=1))))
        response = await call
        initial = dict(await call.initial_metadata())

    assert response.result.output == _payload(a=1)
    assert response.result.task.status == task_pb2.TASK_STATUS_COMPLETED
    assert initial["millhand-task-id"] == response.result.task.id
    assert initial["x-request-id"]
    assert not response.result.task.HasField("payload")


async def test_execute_names_its_task_while_it_runs() -> None:
    async with serving() as server:
        call = server.execute(pb.ExecuteTaskRequest(task=spec("gated", id="t1")))
        initial = dict(await call.initial_metadata())
        task = (await server.stub.GetTask(pb.GetTaskRequest(id="t1"))).task
        server.gate.set()
        await call.read()

    assert initial["millhand-task-id"] == "t1"
    assert not task.HasField("complete_time")


async def test_the_id_of_a_task_goes_out_as_plain_ascii() -> None:
    async with serving() as server:
        call = server.stub.ExecuteTask(pb.ExecuteTaskRequest(task=spec(id="grüße 100%")))
        await call
        initial = dict(await call.initial_metadata())

    assert initial["millhand-task-id"] == "gr%C3%BC%C3%9Fe%20100%25"


async def test_execute_answers_before_its_callers_own_deadline() -> None:
    async with serving() as server:
        call = server.stub.ExecuteTask(pb.ExecuteTaskRequest(task=spec("hold", id="t1")), timeout=0.6)
        error = await failure(call)
        task = (await server.stub.GetTask(pb.GetTaskRequest(id="t1"))).task

    assert (error.code(), reason_of(error)) == (grpc.StatusCode.DEADLINE_EXCEEDED, "TASK_TIMEOUT")
    assert task.status == task_pb2.TASK_STATUS_RUNNING


async def test_execute_with_no_time_looks_once_and_can_cancel() -> None:
    async with serving() as server:
        request = pb.ExecuteTaskRequest(
            task=spec("hold", id="t1"), timeout=Duration(), on_timeout=pb.ON_TIMEOUT_CANCEL
        )
        error = await failure(server.stub.ExecuteTask(request, timeout=SOON_S))
        await server.stub.Wait(pb.WaitRequest())
        task = (await server.stub.GetTask(pb.GetTaskRequest(id="t1"))).task

    assert reason_of(error) == "TASK_TIMEOUT"
    assert task.status == task_pb2.TASK_STATUS_CANCELLED


async def test_a_batch_that_fails_item_by_item_answers_in_its_order() -> None:
    tasks = [spec(id="a"), spec(priority=500), spec("nobody"), spec(id="b")]

    async with serving() as server:
        request = pb.RegisterTasksRequest(tasks=tasks, mode=pb.REGISTER_MODE_PER_ITEM)
        results = (await server.stub.RegisterTasks(request)).results
        atomic = await failure(server.stub.RegisterTasks(pb.RegisterTasksRequest(tasks=tasks)))

    assert [result.task.id for result in results] == ["a", "", "", "b"]
    assert [_info(result.error).reason for result in results[1:3]] == [
        "INVALID_ARGUMENT",
        "INVALID_TASK_FUNC",
    ]
    assert [_violations(result.error) for result in results[1:3]] == [
        ["tasks[1].priority"],
        ["tasks[2].handler"],
    ]
    assert _fields(atomic) == ["tasks[1].priority"]


def _info(status: Any) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info


def _fields(error: grpc.aio.AioRpcError) -> list[str]:
    packed = dict(error.trailing_metadata() or ())[DETAILS_KEY]
    return _violations(status_pb2.Status.FromString(packed))


def _violations(status: Any) -> list[str]:
    request = error_details_pb2.BadRequest()
    assert any(detail.Unpack(request) for detail in status.details)
    return [violation.field for violation in request.field_violations]


async def test_cancel_says_what_came_of_it() -> None:
    async with serving() as server:
        stub = server.stub
        await stub.RegisterTask(pb.RegisterTaskRequest(task=spec(id="later", delay=Duration(seconds=60))))
        await stub.RegisterTask(pb.RegisterTaskRequest(task=spec("hold", id="running")))
        dequeued = await stub.CancelTask(pb.CancelTaskRequest(id="later", reason="enough"))
        stopped = await stub.CancelTask(pb.CancelTaskRequest(id="running", wait=Duration(seconds=5)))
        again = await stub.CancelTask(pb.CancelTaskRequest(id="later"))
        unknown = await failure(stub.CancelTask(pb.CancelTaskRequest(id="nobody")))
        cancelled = await drain(stub.GetCancelled(pb.GetCancelledRequest()))

    assert (dequeued.outcome, dequeued.task.cancel_reason) == (pb.CANCEL_OUTCOME_DEQUEUED, "enough")
    assert stopped.outcome in (pb.CANCEL_OUTCOME_STOPPED, pb.CANCEL_OUTCOME_DEQUEUED)
    assert again.outcome == pb.CANCEL_OUTCOME_ALREADY_FINAL
    assert reason_of(unknown) == "TASK_NOT_FOUND"
    assert [frame.WhichOneof("kind") for frame in cancelled] == ["keep_alive", "task", "task", "end"]


async def test_cancel_all_counts_and_waits() -> None:
    async with serving() as server:
        tasks = [spec("hold"), spec("hold"), spec(delay=Duration(seconds=60))]
        await server.stub.RegisterTasks(pb.RegisterTasksRequest(tasks=tasks))
        done = await server.stub.CancelAllAndWait(pb.CancelAllAndWaitRequest(), timeout=SOON_S)
        none = await server.stub.CancelAll(pb.CancelAllRequest())
        wait = await server.stub.Wait(pb.WaitRequest(timeout=Duration()))

    assert sum(count.count for count in done.counts) == 3
    assert not done.still_running_ids
    assert not none.counts
    assert wait.done
    assert [(count.status, count.count) for count in wait.counts] == [(task_pb2.TASK_STATUS_CANCELLED, 3)]


async def test_a_wait_that_is_over_is_no_error() -> None:
    async with serving() as server:
        await server.stub.RegisterTask(pb.RegisterTaskRequest(task=spec("hold")))
        looked = await server.stub.Wait(pb.WaitRequest(timeout=Duration()))
        waited = await server.stub.Wait(pb.WaitRequest(), timeout=0.5)

    assert (looked.done, waited.done) == (False, False)


async def test_pages_lead_through_all_tasks_in_order() -> None:
    async with serving() as server:
        tasks = [spec(id=f"t{i}") for i in range(5)]
        await server.stub.RegisterTasks(pb.RegisterTasksRequest(tasks=tasks))
        seen: list[str] = []
        request = pb.GetTasksRequest(page_size=2, order_by="create_time desc")
        page = pb.GetTasksResponse()
        while not seen or request.page_token:
            page = await server.stub.GetTasks(request)
            seen += [task.id for task in page.tasks]
            request.page_token = page.next_page_token
        foreign = pb.GetTasksRequest(page_token=(await _first_token(server.stub)), order_by="priority")
        error = await failure(server.stub.GetTasks(foreign))

    assert seen == ["t4", "t3", "t2", "t1", "t0"]
    assert (page.total_size, page.total_size_is_exact) == (5, True)
    assert _fields(error) == ["page_token"]


async def _first_token(stub: Any) -> str:
    page = await stub.GetTasks(pb.GetTasksRequest(page_size=1))
    return str(page.next_page_token)


async def test_a_page_ends_early_when_it_is_large_and_the_next_goes_on() -> None:
    large = payload_pb2.Payload(blob=payload_pb2.Blob(data=b"x" * 1_500_000))

    async with serving() as server:
        for name in "abc":
            await server.stub.ExecuteTask(pb.ExecuteTaskRequest(task=spec(id=name, payload=large)))
        tasks = pb.GetTasksRequest(view=pb.TASK_VIEW_FULL)
        results = pb.GetResultsRequest()
        task_pages, result_pages = [], []
        for _ in range(3):
            page = await server.stub.GetTasks(tasks)
            task_pages.append([task.id for task in page.tasks])
            tasks.page_token = page.next_page_token
            found = await server.stub.GetResults(results)
            result_pages.append([result.task.id for result in found.results])
            results.after = found.next_cursor

    assert task_pages[:2] == [["a", "b"], ["c"]]
    assert [name for page in result_pages for name in page] == ["a", "b", "c"]
    assert max(len(page) for page in result_pages) <= 2


async def test_active_tasks_are_those_that_run() -> None:
    async with serving() as server:
        call = server.execute(pb.ExecuteTaskRequest(task=spec("gated", id="t1")))
        await call.initial_metadata()
        await server.stub.RegisterTask(pb.RegisterTaskRequest(task=spec(delay=Duration(seconds=60))))
        active = await _until(lambda: server.stub.GetActiveTasks(pb.GetActiveTasksRequest()), "count")
        server.gate.set()
        await call.read()

    assert (active.count, [task.id for task in active.tasks]) == (1, ["t1"])


async def _until(call: Any, field: str) -> Any:
    async with asyncio.timeout(SOON_S):
        while not getattr(response := await call(), field):
            pass
    return response


async def test_results_stream_from_the_oldest_to_the_end_and_resume_after_a_cursor() -> None:
    async with serving() as server:
        await _run_echo(server.stub, 5)
        frames = await drain(server.stub.StreamResults(pb.StreamResultsRequest()))
        rest = await drain(server.stub.StreamResults(pb.StreamResultsRequest(after=frames[3].cursor)))
        bad = await failure(drain(server.stub.StreamResults(pb.StreamResultsRequest(after="mine"))))

    assert [frame.WhichOneof("kind") for frame in frames] == ["keep_alive", *["result"] * 5, "end"]
    assert frames[-1].end.reason == pb.END_REASON_CAUGHT_UP
    assert [frame.cursor for frame in rest[1:-1]] == [frame.cursor for frame in frames[4:-1]]
    assert (bad.code(), reason_of(bad)) == (grpc.StatusCode.INVALID_ARGUMENT, "CURSOR_INVALID")


async def test_a_stream_that_follows_brings_progress_and_ends_with_its_tasks() -> None:
    async with serving() as server:
        await server.stub.RegisterTask(pb.RegisterTaskRequest(task=spec("report", id="t1")))
        request = pb.StreamResultsRequest(
            filter=task_pb2.TaskFilter(ids=["t1"]), close_on_completion=True, include_progress=True
        )
        call = server.stub.StreamResults(request, timeout=SOON_S)
        kinds = [(await call.read()).WhichOneof("kind")]
        server.gate.set()
        kinds += [(await call.read()).WhichOneof("kind")]
        await server.stub.CancelTask(pb.CancelTaskRequest(id="t1"))
        kinds += [frame.WhichOneof("kind") for frame in await drain(call)]

    assert kinds == ["keep_alive", "progress", "result", "end"]


async def test_streams_end_with_shutdown_and_its_call_is_answered() -> None:
    async with serving() as server:
        stream = server.stub.StreamResults(pb.StreamResultsRequest(follow=True), timeout=SOON_S)
        await stream.read()
        await server.stub.RegisterTask(pb.RegisterTaskRequest(task=spec(delay=Duration(seconds=60))))
        foreign = await failure(server.stub.Shutdown(pb.ShutdownRequest(node_id="other")))
        first = await server.stub.Shutdown(pb.ShutdownRequest(timeout=Duration()))
        second = await server.stub.Shutdown(pb.ShutdownRequest(mode=pb.SHUTDOWN_MODE_NOW))
        frames = await drain(stream)
        refused = await failure(server.stub.RegisterTask(pb.RegisterTaskRequest(task=spec())))

    assert _fields(foreign) == ["node_id"]
    assert [(count.status, count.count) for count in first.counts] == [(task_pb2.TASK_STATUS_SCHEDULED, 1)]
    assert second == first
    assert frames[-1].end.reason == pb.END_REASON_SHUTDOWN
    assert (refused.code(), reason_of(refused)) == (grpc.StatusCode.UNAVAILABLE, "CLOSING")


async def test_workers_are_resized() -> None:
    async with serving() as server:
        fewer = await server.stub.StartWorkers(pb.StartWorkersRequest(count=2))
        back = await server.stub.StartWorkers(pb.StartWorkersRequest())
        error = await failure(server.stub.StartWorkers(pb.StartWorkersRequest(node_id="other")))

    assert ((fewer.before, fewer.after), (back.before, back.after)) == ((4, 2), (2, 4))
    assert _fields(error) == ["node_id"]


async def test_the_catalogue_names_handlers_their_defaults_and_a_command_that_runs() -> None:
    async with serving() as server:
        handlers = {h.name: h for h in (await server.stub.ListHandlers(pb.ListHandlersRequest())).handlers}
        command = shlex.split(handlers["echo"].example)
        request = json_format.Parse(command[command.index("-d") + 1], pb.ExecuteTaskRequest())
        response = await server.stub.ExecuteTask(request)

    assert list(handlers) == sorted(handlers)
    assert command[-2:] == [server.address, "millhand.v1.TaskService/ExecuteTask"]
    assert json.loads(json_format.MessageToJson(response.result.output)) == {"json": {"hello": "world"}}
    nap = handlers["nap"]
    assert nap.description == "Does nothing."
    assert nap.defaults == task_pb2.TaskSpec(queue="naps", retries=2, timeout=Duration(seconds=3))
    assert nap.isolation == handler_pb2.ISOLATION_ASYNC
    assert nap.kill_guarantee == handler_pb2.KILL_GUARANTEE_EXCEPTION
    assert handlers["echo"].kill_guarantee == handler_pb2.KILL_GUARANTEE_COOPERATIVE


async def test_the_server_tells_what_it_is() -> None:
    async with serving() as server:
        info = await server.stub.GetServerInfo(pb.GetServerInfoRequest())

    assert (info.node_id, info.store, info.limits.max_json_depth) == ("node-1", "memory", 24)
    assert info.version
    assert info.uptime.ToSeconds() >= 0


async def test_explain_says_why_a_task_waits() -> None:
    async with serving() as server:
        later = spec(id="t1", delay=Duration(seconds=60))
        await server.stub.RegisterTask(pb.RegisterTaskRequest(task=later))
        answer = await server.stub.ExplainTask(pb.ExplainTaskRequest(id="t1"))

    assert answer.status == task_pb2.TASK_STATUS_SCHEDULED
    assert answer.reasons[0].reason == pb.BLOCK_REASON_NOT_DUE
    assert 0 < answer.reasons[0].wait.seconds <= 60


async def test_a_caller_that_vanishes_in_a_wait_takes_nothing_with_it() -> None:
    async with serving() as server:
        call = server.execute(pb.ExecuteTaskRequest(task=spec("gated", id="t1")))
        await call.initial_metadata()
        call.cancel()
        server.gate.set()
        await server.stub.Wait(pb.WaitRequest())
        task = (await server.stub.GetTask(pb.GetTaskRequest(id="t1"))).task

    assert task.status == task_pb2.TASK_STATUS_COMPLETED


@pytest.mark.parametrize("field", ["fairness_key", "heartbeat_timeout"])
async def test_what_is_not_honoured_yet_is_refused_by_name(field: str) -> None:
    value: Any = "k" if field == "fairness_key" else Duration(seconds=1)

    async with serving() as server:
        error = await failure(server.stub.RegisterTask(pb.RegisterTaskRequest(task=spec(**{field: value}))))

    assert (error.code(), reason_of(error)) == (grpc.StatusCode.UNIMPLEMENTED, "UNSUPPORTED")
    assert _fields(error) == [f"task.{field}"]
