from __future__ import annotations

from typing import Any

from tests.integration.rpc.conftest import SOON_S, drain
from tests.integration.rpc.serving import Running, serving, spec

from millhand.v1 import payload_pb2, task_pb2
from millhand.v1 import task_service_pb2 as pb
from millhand_server.core.task import RetryPolicy, TaskSpec
from millhand_server.engine.manager import Caller

#: Payload, heartbeat and output of this size are together more than a message.
_BULK = payload_pb2.Payload(blob=payload_pb2.Blob(data=b"x" * 3_100_000))

_ALL = pb.SUBSCRIBE_SCOPE_FILTER
_FULL = pb.TASK_VIEW_FULL


async def _bulky(server: Running) -> task_pb2.Result:
    request = pb.ExecuteTaskRequest(task=spec("bulky", id="t1", payload=_BULK), view=_FULL)
    response = await server.stub.ExecuteTask(request, timeout=SOON_S)
    result: task_pb2.Result = response.result
    return result


def _is_lightened(task: task_pb2.Task) -> bool:
    return task.payload == _BULK and not task.HasField("last_heartbeat") and task.HasField("heartbeat_time")


async def test_a_task_that_is_larger_than_a_message_is_told_without_its_heartbeat() -> None:
    async with serving() as server:
        executed = await _bulky(server)
        got = await server.stub.GetTask(pb.GetTaskRequest(id="t1", view=_FULL))
        listed = await server.stub.GetTasks(pb.GetTasksRequest(view=_FULL))

    assert _is_lightened(executed.task)
    assert executed.output == _BULK
    assert got.task.payload == got.task.last_heartbeat == _BULK
    assert listed.tasks == [got.task]


async def test_a_result_that_is_larger_than_a_message_reaches_every_kind_of_reader() -> None:
    async with serving() as server:
        await _bulky(server)
        page = await server.stub.GetResults(pb.GetResultsRequest(view=_FULL), timeout=SOON_S)
        stream = await drain(server.stub.StreamResults(pb.StreamResultsRequest(view=_FULL), timeout=SOON_S))
        session = await _session_results(server, view=_FULL)

    streamed = [frame.result for frame in stream if frame.WhichOneof("kind") == "result"]
    for results in (page.results, streamed, session):
        assert [_is_lightened(result.task) for result in results] == [True]
        assert results[0].output == _BULK


async def _session_results(server: Running, view: Any = pb.TASK_VIEW_BASIC) -> list[task_pb2.Result]:
    subscribe = pb.SessionSubscribe(scope=_ALL, after="0", view=view)
    frames = await drain(server.stub.Session(iter([pb.SessionRequest(subscribe=subscribe)]), timeout=SOON_S))
    return [result for frame in frames for result in frame.results.results]


async def test_a_row_that_no_message_could_hold_is_no_wall_for_readers() -> None:
    async with serving() as server:
        reasons = tuple("R" * 256 for _ in range(40_000))
        # Not by a call, which would be refused: as a row of a store that another version wrote.
        poison = TaskSpec(
            handler="echo", id="poison", retry_policy=RetryPolicy(non_retryable_reasons=reasons)
        )
        await server.manager.execute_task(poison, caller=Caller("anonymous"))
        await server.stub.ExecuteTask(pb.ExecuteTaskRequest(task=spec(id="after")))

        got = await server.stub.GetTask(pb.GetTaskRequest(id="poison"))
        page = await server.stub.GetResults(pb.GetResultsRequest())
        stream = await drain(server.stub.StreamResults(pb.StreamResultsRequest(), timeout=SOON_S))
        session = await _session_results(server)

    streamed = [frame.result for frame in stream if frame.WhichOneof("kind") == "result"]
    assert got.task.status == task_pb2.TASK_STATUS_COMPLETED
    for results in (page.results, streamed, session):
        assert [result.task.id for result in results] == ["poison", "after"]


async def test_the_answer_about_a_batch_fits_into_a_message_like_the_batch() -> None:
    labels = {f"k{number}": "v" * 256 for number in range(16)}
    texts: dict[str, Any] = {"description": "d" * 4_090, "labels": labels}
    tasks = [spec("echo", id=f"t{number}", **texts) for number in range(1_000)]
    async with serving() as server:
        request = pb.RegisterTasksRequest(tasks=tasks)
        response = await server.stub.RegisterTasks(request, timeout=SOON_S)
        got = await server.stub.GetTask(pb.GetTaskRequest(id="t7"))

    assert [result.task.id for result in response.results] == [task.id for task in tasks]
    assert dict(got.task.labels) == labels


async def test_a_request_id_that_is_too_long_is_refused_without_repeating_it() -> None:
    async with serving() as server:
        requests = [
            pb.SessionRequest(request_id="x" * (8 * 1024 * 1024 - 100), ping=pb.SessionPing()),
            pb.SessionRequest(request_id="2", ping=pb.SessionPing()),
        ]
        frames = await drain(server.stub.Session(iter(requests), timeout=SOON_S))

    assert [(frame.request_id, frame.WhichOneof("kind")) for frame in frames] == [
        ("", "error"),
        ("2", "pong"),
        ("", "goodbye"),
    ]
