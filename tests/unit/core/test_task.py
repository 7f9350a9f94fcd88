from __future__ import annotations

import msgspec
import pytest

from millhand_server.core import errors
from millhand_server.core.status import FINAL, WAITING, TaskStatus
from millhand_server.core.task import DEFAULT_QUEUE, AttemptKey, Lane, Owner, RetryPolicy, Task, TaskSpec
from millhand_server.core.transition import start_by


def _task(status: TaskStatus = TaskStatus.QUEUED, *, task_id: str = "a", handler: str = "echo") -> Task:
    return Task(
        spec=TaskSpec(handler=handler, id=task_id, fairness_key="f"),
        sequence=3,
        status=status,
        queue=DEFAULT_QUEUE,
        priority=1,
        create_us=0,
        due_us=9,
    )


@pytest.mark.parametrize("status", sorted(WAITING), ids=lambda status: status.name)
def test_a_waiting_task_should_be_scheduled(status: TaskStatus) -> None:
    _task(status).should_schedule()


@pytest.mark.parametrize(
    ("task", "error"),
    [
        pytest.param(_task(task_id=""), errors.InvalidTaskId, id="no id"),
        pytest.param(_task(handler=""), errors.InvalidTaskFunc, id="no handler"),
        pytest.param(_task(TaskStatus.CANCELLED), errors.TaskCancelled, id="cancelled"),
        pytest.param(_task(TaskStatus.RUNNING), errors.TaskAlreadyStarted, id="running"),
        *(
            pytest.param(_task(status), errors.TaskCompleted, id=status.name)
            for status in sorted(FINAL - {TaskStatus.CANCELLED})
        ),
    ],
)
def test_any_other_task_says_why_it_should_not(task: Task, error: type[errors.MillhandError]) -> None:
    with pytest.raises(error) as raised:
        task.should_schedule()

    assert type(raised.value) is error


def test_a_completed_task_names_its_status() -> None:
    with pytest.raises(errors.TaskCompleted) as raised:
        _task(TaskStatus.FAILED).should_schedule()

    assert raised.value.metadata == {"task_id": "a", "status": "FAILED"}


def test_a_lane_is_queue_fairness_key_and_handler() -> None:
    assert _task().lane == Lane(DEFAULT_QUEUE, "f", "echo")


def test_only_a_held_task_has_an_attempt_key() -> None:
    held = msgspec.structs.replace(_task(), owner=Owner("node", 4), attempt=2)

    assert held.key == AttemptKey("a", 2, 4)
    with pytest.raises(ValueError, match="not claimed"):
        _ = _task().key


def test_an_expedited_task_sorts_before_the_most_urgent_priority() -> None:
    urgent = msgspec.structs.replace(_task(), priority=-100)
    expedited = msgspec.structs.replace(_task(), priority=100, expedited=True, due_us=10**15)

    assert expedited.order_key() < urgent.order_key()


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        pytest.param({"id": "b"}, True, id="id"),
        pytest.param({"traceparent": "t"}, True, id="traceparent"),
        pytest.param({"payload": b"x"}, False, id="payload"),
        pytest.param({"labels": {"k": "w"}}, False, id="labels"),
        pytest.param({"retries": 0}, False, id="unset is not zero"),
        pytest.param({"retry_policy": RetryPolicy()}, False, id="unset is not the default"),
        pytest.param({"idempotency_key": "k"}, False, id="key"),
    ],
)
def test_content_is_everything_but_id_and_traceparent(changes: dict[str, object], same: bool) -> None:
    spec = TaskSpec(handler="echo", id="a", labels={"k": "v"})

    assert spec.same_content(msgspec.structs.replace(spec, **changes)) is same


@pytest.mark.parametrize(
    ("deadline_us", "start_timeout_us", "expected"),
    [
        pytest.param(None, None, None, id="none"),
        pytest.param(None, 0, None, id="0 is no limit"),
        pytest.param(None, 5, 105, id="timeout counts from when it is due"),
        pytest.param(50, 5, 50, id="the earlier one"),
        pytest.param(500, 0, 500, id="deadline"),
    ],
)
def test_the_start_limit_is_the_earlier_of_both(
    deadline_us: int | None, start_timeout_us: int | None, expected: int | None
) -> None:
    assert start_by(deadline_us, start_timeout_us, 100) == expected
