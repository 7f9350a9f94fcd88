"""The operations themselves: what they ask of a client, step by step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]
from tests.unit.client.fake_server import completed, refusal
from tests.unit.client.steps import FakeClient

from millhand import errors
from millhand.protocol import executing, operations, reading
from millhand.protocol.full_queue import FullQueue, register_all
from millhand.protocol.records import Registered
from millhand.protocol.specs import task_spec
from millhand.protocol.steps import Call, Operation, Read, Sleep, Step
from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb

FULL = errors.QueueFull("full", retry_after=timedelta(seconds=2))


class Interrupted(BaseException):
    """As asyncio's CancelledError and KeyboardInterrupt are."""


def test_an_operation_is_one_call_and_its_answer_read() -> None:
    client = FakeClient(timeout_s=3)

    task, steps = client.run(operations.get(client.terms, "t", full=True), lambda step: _task("t"))

    assert task.id == "t"
    assert steps == [Call("GetTask", pb.GetTaskRequest(id="t", view=pb.TASK_VIEW_FULL), 3)]


def test_a_call_that_waits_has_its_deadline_behind_the_wait() -> None:
    client = FakeClient(timeout_s=3)

    _, [call] = client.run(operations.wait(client.terms, timeout=10), lambda step: pb.WaitResponse(done=True))

    assert isinstance(call, Call)
    assert call.deadline_s == 13


def test_waiting_for_a_full_queue_is_as_long_as_the_server_advises_and_somewhat_longer() -> None:
    client = FakeClient()
    answers = iter([FULL, FULL, pb.RegisterTaskResponse(task=task_pb2.Task(id="t"))])

    task, steps = client.run(
        operations.register(client.terms, "echo", retry_when_full=60), lambda step: next(answers)
    )

    first, pause, second, _, third = steps
    assert task.id == "t"
    assert isinstance(pause, Sleep)
    assert 2 <= pause.seconds <= 3
    assert first == second == third, "the same spec is the same task"


@pytest.mark.parametrize(
    ("patience", "tries"),
    [
        pytest.param(None, 1, id="none"),
        pytest.param(1.9, 1, id="too short"),
        pytest.param(4.0, 2, id="one retry"),
    ],
)
def test_a_queue_that_stays_full_is_an_error_when_patience_ends(patience: float | None, tries: int) -> None:
    client = FakeClient()
    calls: list[Step] = []

    def answer(step: Step) -> Any:
        calls.append(step)
        return FULL

    with pytest.raises(errors.QueueFull):
        client.run(operations.register(client.terms, "echo", retry_when_full=patience), answer)

    assert len(calls) == tries
    assert client.now <= (patience or 0)


def test_without_advice_a_full_queue_is_tried_every_second() -> None:
    patience = FullQueue(60, lambda: 0.0, jitter=lambda: 0.0)

    assert patience.delay_after(errors.QueueFull()) == 1


def test_only_what_a_full_queue_refused_is_sent_again() -> None:
    client = FakeClient()
    sent: list[list[str]] = []

    def send(batch: list[task_pb2.TaskSpec]) -> Operation[list[Registered]]:
        sent.append([spec.id for spec in batch])
        room = 2 if len(sent) == 1 else 1
        yield Sleep(0)
        return [
            Registered(task_pb2.Task(id=spec.id), True) if place < room else Registered(None, error=FULL)
            for place, spec in enumerate(batch)
        ]

    specs = [task_spec("echo", id=name) for name in "abcd"]
    answers, _ = client.run(register_all(send, specs, FullQueue(60, client.terms.now)), lambda step: None)

    assert sent == [["a", "b", "c", "d"], ["c", "d"], ["d"]]
    assert [answer.task.id for answer in answers if answer.task] == ["a", "b", "c", "d"]


def test_a_batch_that_is_sent_again_is_the_same_tasks_also_without_ids_of_its_own() -> None:
    client = FakeClient()
    answers = iter([FULL, pb.RegisterTasksResponse(results=[pb.RegisterResult(task=task_pb2.Task(id="t"))])])
    operation = operations.register_many(
        client.terms, [task_pb2.TaskSpec(handler="echo")], retry_when_full=60
    )

    _, steps = client.run(operation, lambda step: next(answers))

    first, _, second = steps
    assert first == second


def test_a_batch_whose_patience_ends_is_answered_with_what_was_refused() -> None:
    client = FakeClient()
    accepted = pb.RegisterResult(task=task_pb2.Task(id="a"), created=True)
    refused = pb.RegisterResult(error=refusal(code_pb2.RESOURCE_EXHAUSTED, "QUEUE_FULL"))
    answer = pb.RegisterTasksResponse(results=[accepted, refused])

    [first, second], _ = client.run(
        operations.register_many(client.terms, [task_spec("echo"), task_spec("echo")], "per_item"),
        lambda step: answer,
    )

    assert first.created
    assert isinstance(second.error, errors.QueueFull)


def test_waiting_for_a_full_queue_counts_as_waiting_for_the_task() -> None:
    client = FakeClient()
    operation = executing.execute_task(client.terms, task_spec("echo"), timeout=5, retry_when_full=600)

    with pytest.raises(errors.QueueFull):
        client.run(operation, lambda step: FULL)

    assert client.now <= 5


def test_an_interrupted_execute_cancels_its_task_if_asked_to_and_stays_interrupted() -> None:
    client = FakeClient()
    asked: list[Call] = []

    def answer(step: Step) -> Any:
        assert isinstance(step, Call)
        asked.append(step)
        return Interrupted() if step.method == "ExecuteTask" else pb.CancelTaskResponse()

    operation = executing.execute_task(client.terms, task_spec("echo", id="t"), cancel_on_interrupt=True)
    with pytest.raises(Interrupted):
        client.run(operation, answer)

    assert [call.method for call in asked] == ["ExecuteTask", "CancelTask"]
    assert asked[1].deadline_s == executing.INTERRUPTED_DEADLINE_S


def test_an_interruption_says_that_its_task_could_not_be_cancelled() -> None:
    client = FakeClient()

    def answer(step: Step) -> Any:
        assert isinstance(step, Call)
        return Interrupted() if step.method == "ExecuteTask" else errors.Unavailable("gone")

    operation = executing.execute_task(client.terms, task_spec("echo", id="t"), cancel_on_interrupt=True)
    with pytest.raises(Interrupted) as raised:
        client.run(operation, answer)

    assert raised.value.__notes__ == ["task t was not cancelled: UNAVAILABLE: gone"]


def test_beginning_twice_loses_nothing_of_what_came_first() -> None:
    client = FakeClient()
    log = reading.results(client.terms)
    client.run(log.begin(), lambda step: _frame("t", "c1"))

    _, steps = client.run(log.begin(), lambda step: _frame("u", "c2"))
    record, _ = client.run(log.next_record(), lambda step: _frame("u", "c2"))

    assert steps == []
    assert record is not None
    assert log.cursor == "c1"


def test_a_reading_that_is_interrupted_hangs_up_and_goes_on_from_its_place() -> None:
    client = FakeClient()
    log = reading.results(client.terms)
    client.run(log.begin(), lambda step: _frame("", "c1"))

    with pytest.raises(Interrupted):
        client.run(log.next_record(), lambda step: Interrupted())
    record, [read] = client.run(log.next_record(), lambda step: _frame("t", "c2"))

    first, second = client.streams
    assert first.cancelled
    assert isinstance(second.request, pb.StreamResultsRequest)
    assert second.request.after == "c1"
    assert read == Read(second)
    assert record is not None


def _task(task_id: str) -> pb.GetTaskResponse:
    return pb.GetTaskResponse(task=task_pb2.Task(id=task_id))


def _frame(task_id: str, cursor: str) -> pb.StreamResultsResponse:
    if not task_id:
        return pb.StreamResultsResponse(keep_alive=pb.KeepAlive(), cursor=cursor)
    return pb.StreamResultsResponse(result=completed(task_id, cursor), cursor=cursor)
