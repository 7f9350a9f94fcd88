from __future__ import annotations

import os
from concurrent.futures import Future
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]
from tests.unit.client.fake_server import FakeServer, completed, refusal

from millhand import errors
from millhand.enums import CancelOutcome, TaskStatus
from millhand.protocol.options import NOT_RETRIED, retried_methods
from millhand.protocol.specs import task_spec
from millhand.v1 import handler_pb2, task_pb2
from millhand.v1 import task_service_pb2 as pb

LOST = (None, (), grpc.StatusCode.UNAVAILABLE, "connection reset")


def test_register_sends_a_spec_with_an_id_and_returns_the_task(server: FakeServer) -> None:
    call = server.start(server.client().register, "echo", {"a": 1}, queue="q")

    request = server.answer("RegisterTask", pb.RegisterTaskResponse(task=task_pb2.Task(id="t")))

    assert request.task.handler == "echo"
    assert request.task.queue == "q"
    assert request.task.id
    assert call.result() == task_pb2.Task(id="t")


def test_every_call_says_who_calls_and_has_its_own_request_id(server: FakeServer) -> None:
    client = server.client(token="secret")
    seen = []
    for _ in range(2):
        call = server.start(client.info)
        metadata, _, rpc = server.take("GetServerInfo")
        rpc.terminate(pb.GetServerInfoResponse(), (), grpc.StatusCode.OK, "")
        call.result()
        seen.append(metadata)

    assert [metadata["authorization"] for metadata in seen] == ["Bearer secret"] * 2
    assert seen[0]["x-request-id"] != seen[1]["x-request-id"]


def test_register_many_answers_in_order_with_each_items_own_error(server: FakeServer) -> None:
    specs = [task_spec("echo", id="a"), task_spec("nope", id="b")]
    call = server.start(server.client().register_many, specs, mode="per_item")

    refused = pb.RegisterResult(error=refusal(code_pb2.INVALID_ARGUMENT, "INVALID_TASK_FUNC"))
    accepted = pb.RegisterResult(task=task_pb2.Task(id="a"), created=True)
    request = server.answer("RegisterTasks", pb.RegisterTasksResponse(results=[accepted, refused]))

    assert request.mode == pb.REGISTER_MODE_PER_ITEM
    assert [spec.id for spec in request.tasks] == ["a", "b"]
    first, second = call.result()
    assert first.created
    assert first.task is not None
    assert first.error is None
    assert second.task is None
    assert isinstance(second.error, errors.InvalidTaskFunc)


def test_a_mode_that_does_not_exist_is_refused(server: FakeServer) -> None:
    with pytest.raises(errors.InvalidArgument, match="'atomic' nor 'per_item'"):
        server.client().register_many([], mode="some")  # type: ignore[arg-type]


def test_execute_returns_what_the_handler_returned(server: FakeServer) -> None:
    call = server.start(server.client().execute, "echo", 7, timeout=5, cancel_on_timeout=True)

    request = server.answer("ExecuteTask", pb.ExecuteTaskResponse(result=completed("t", "c", 7)))

    assert request.task.payload.json.number_value == 7
    assert request.timeout.seconds == 5
    assert request.on_timeout == pb.ON_TIMEOUT_CANCEL
    assert call.result() == 7


def test_execute_raises_how_the_task_ended(server: FakeServer) -> None:
    call = server.start(server.client().execute, "fail")
    result = task_pb2.Result(error=refusal(reason="HANDLER_FAILED", message="ValueError"))
    result.task.status = task_pb2.TASK_STATUS_FAILED

    server.answer("ExecuteTask", pb.ExecuteTaskResponse(result=result))

    with pytest.raises(errors.HandlerFailed, match="ValueError"):
        call.result()


def test_execute_task_returns_a_failure_as_a_result(server: FakeServer) -> None:
    call = server.start(server.client().execute_task, "t")
    result = task_pb2.Result()
    result.task.status = task_pb2.TASK_STATUS_CANCELLED

    request = server.answer("ExecuteTask", pb.ExecuteTaskResponse(result=result))

    assert request.id == "t"
    assert call.result().status is TaskStatus.CANCELLED
    assert isinstance(call.result().error, errors.TaskCancelledError)


def test_execute_joins_its_task_again_when_the_connection_breaks_under_it(server: FakeServer) -> None:
    call = server.start(server.client().execute, "sleep", timeout=60)
    _, first, rpc = server.take("ExecuteTask")
    rpc.send_initial_metadata((("millhand-task-id", first.task.id),))
    server.clock.sleep_for(20)
    rpc.terminate(*LOST)

    second = server.answer("ExecuteTask", pb.ExecuteTaskResponse(result=completed("t", "c", 3)))

    assert call.result() == 3
    assert second.task == first.task
    assert second.timeout.seconds in (39, 40), "the wait goes on, it does not start anew"


def test_execute_does_not_persist_when_no_server_had_taken_the_task(server: FakeServer) -> None:
    call = server.start(server.client().execute, "sleep", id="t")
    _, _, rpc = server.take("ExecuteTask")
    rpc.terminate(*LOST)

    with pytest.raises(errors.Unavailable) as raised:
        call.result()
    assert raised.value.metadata["task_id"] == "t"


def test_a_wait_that_is_over_names_the_task_that_goes_on(server: FakeServer) -> None:
    call = server.start(server.client().execute, "sleep", idempotency_key="k", timeout=1)
    _, _, rpc = server.take("ExecuteTask")
    rpc.send_initial_metadata((("millhand-task-id", "theirs"),))
    status = refusal(code_pb2.DEADLINE_EXCEEDED, "TASK_TIMEOUT", metadata={"timeout": "wait"})
    trailer = (("grpc-status-details-bin", status.SerializeToString()),)
    rpc.terminate(None, trailer, grpc.StatusCode.DEADLINE_EXCEEDED, "")

    with pytest.raises(errors.WaitTimedOut) as raised:
        call.result()
    assert raised.value.metadata == {"timeout": "wait", "task_id": "theirs"}


def test_list_fetches_pages_as_they_are_read(server: FakeServer) -> None:
    tasks = server.client().list(queues=["q"], order_by="priority desc", page_size=1)

    first = server.start(next, tasks)
    asked = [
        server.answer("GetTasks", pb.GetTasksResponse(tasks=[task_pb2.Task(id="a")], next_page_token="p"))
    ]
    assert first.result().id == "a"
    rest: Future[Any] = server.start(list, tasks)
    asked.append(server.answer("GetTasks", pb.GetTasksResponse(tasks=[task_pb2.Task(id="b")])))

    assert [task.id for task in rest.result()] == ["b"]
    assert asked[1].page_token == "p"
    assert [list(request.filter.queues) for request in asked] == [["q"], ["q"]]
    assert asked[1].order_by == "priority desc"


def test_cancel_says_what_came_of_it(server: FakeServer) -> None:
    call = server.start(server.client().cancel, "t", "no longer wanted", wait=2.5)

    answer = pb.CancelTaskResponse(outcome=pb.CANCEL_OUTCOME_STOPPED, task=task_pb2.Task(id="t"))
    request = server.answer("CancelTask", answer)

    assert (request.id, request.reason) == ("t", "no longer wanted")
    assert (request.wait.seconds, request.wait.nanos) == (2, 500_000_000)
    assert call.result().outcome is CancelOutcome.STOPPED
    assert call.result().task.id == "t"


def test_cancel_without_a_wait_asks_for_none(server: FakeServer) -> None:
    call = server.start(server.client().cancel, "t")

    request = server.answer("CancelTask", pb.CancelTaskResponse())

    assert not request.HasField("wait")
    call.result()


def test_cancel_all_counts_outcomes(server: FakeServer) -> None:
    call = server.start(server.client().cancel_all, "stop", handlers=["sleep"])

    count = pb.CancelCount(outcome=pb.CANCEL_OUTCOME_DEQUEUED, count=3)
    request = server.answer("CancelAll", pb.CancelAllResponse(counts=[count]))

    assert list(request.filter.handlers) == ["sleep"]
    assert call.result().counts == {CancelOutcome.DEQUEUED: 3}


def test_cancel_all_and_wait_lists_what_still_runs(server: FakeServer) -> None:
    call = server.start(server.client().cancel_all_and_wait, timeout=1)

    answer = pb.CancelAllAndWaitResponse(still_running_ids=["stubborn"])
    request = server.answer("CancelAllAndWait", answer)

    assert request.timeout.seconds == 1
    assert call.result().still_running_ids == ("stubborn",)


def test_wait_with_zero_looks_once(server: FakeServer) -> None:
    call = server.start(server.client().wait, timeout=0)

    count = task_pb2.StatusCount(status=task_pb2.TASK_STATUS_RUNNING, count=2)
    request = server.answer("Wait", pb.WaitResponse(done=False, counts=[count]))

    assert request.HasField("timeout")
    assert not call.result().done
    assert call.result().counts == {TaskStatus.RUNNING: 2}


def test_shutdown_counts_what_was_left(server: FakeServer) -> None:
    call = server.start(server.client().shutdown, now=True)

    count = task_pb2.StatusCount(status=task_pb2.TASK_STATUS_QUEUED, count=2)
    request = server.answer("Shutdown", pb.ShutdownResponse(counts=[count]))

    assert request.mode == pb.SHUTDOWN_MODE_NOW
    assert not call.result().done


def test_the_number_of_workers_can_be_none_zero_or_more(server: FakeServer) -> None:
    for count in (None, 0, 4):
        call = server.start(server.client().start_workers, count)
        request = server.answer("StartWorkers", pb.StartWorkersResponse(before=1, after=4))
        assert (request.count if request.HasField("count") else None) == count
        assert call.result().after == 4


def test_reads_return_the_wires_own_messages(server: FakeServer) -> None:
    client = server.client()

    catalogue = server.start(client.handlers)
    server.answer("ListHandlers", pb.ListHandlersResponse(handlers=[handler_pb2.Handler(name="echo")]))
    active = server.start(lambda: [*client.active()])
    server.answer("GetActiveTasks", pb.GetActiveTasksResponse(count=1, tasks=[task_pb2.Task(id="t")]))
    why = server.start(client.explain, "t")
    server.answer("ExplainTask", pb.ExplainTaskResponse(status=task_pb2.TASK_STATUS_QUEUED))
    page = server.start(client.results_page, after="c")
    server.answer("GetResults", pb.GetResultsResponse(results=[completed("t", "d")], next_cursor="d"))
    full = server.start(client.get, "t", full=True)
    asked = server.answer("GetTask", pb.GetTaskResponse(task=task_pb2.Task(id="t")))

    assert [handler.name for handler in catalogue.result()] == ["echo"]
    assert [task.id for task in active.result()] == ["t"]
    assert why.result().status == task_pb2.TASK_STATUS_QUEUED
    assert [result.task.id for result in page.result().results] == ["t"]
    assert (page.result().next_cursor, page.result().gap) == ("d", None)
    assert full.result().id == "t"
    assert asked.view == pb.TASK_VIEW_FULL


def test_a_closed_client_says_so(server: FakeServer) -> None:
    with server.client() as client:
        pass

    with pytest.raises(errors.ClientClosed):
        client.info()


def test_only_what_may_happen_twice_is_retried_by_grpc() -> None:
    every = {method.name for method in pb.DESCRIPTOR.services_by_name["TaskService"].methods}

    assert every - set(retried_methods()) == NOT_RETRIED == {"CancelAll", "CancelAllAndWait", "Shutdown"}


def test_tls_comes_from_one_place(tmp_path: os.PathLike[str]) -> None:
    from millhand.client import Client

    with pytest.raises(ValueError, match="not both"):
        Client(tls_ca=tmp_path, credentials=grpc.ssl_channel_credentials())
