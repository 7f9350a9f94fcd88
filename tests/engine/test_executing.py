from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.engine.bench import FAILED, Bench, soon, spec, succeeded
from tests.engine.conftest import OpenBench

from millhand_server.core.errors import (
    AlreadyExists,
    MillhandError,
    TaskAlreadyStarted,
    TaskCancelled,
    TaskCompleted,
    TaskNotFound,
    TaskTimeout,
)
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US, Task, TaskSpec
from millhand_server.engine.acceptance import Caller

BOB = Caller("bob")


def execute(bench: Bench, target: str | TaskSpec, **options: Any) -> asyncio.Task[Task]:
    return bench.spawn(bench.manager.execute_task(target, **options))


async def test_execute_returns_the_final_task_with_its_output(bench: Bench) -> None:
    call = execute(bench, spec("a"))

    await bench.run("a", succeeded(b"42"))
    task = await soon(call)

    assert (task.status, task.output) == (TaskStatus.COMPLETED, b"42")


async def test_a_task_that_failed_is_an_answer_too(bench: Bench) -> None:
    call = execute(bench, spec("a", retries=0))

    await bench.run("a", FAILED)
    task = await soon(call)

    assert task.status is TaskStatus.FAILED
    assert task.error is not None


async def test_the_id_is_told_before_the_task_is_final(bench: Bench) -> None:
    told: list[str] = []

    async def on_accepted(task_id: str) -> None:
        told.append(task_id)

    execute(bench, spec("a"), on_accepted=on_accepted)
    await bench.settle()

    assert told == ["a"]


@pytest.mark.parametrize(
    "again",
    [{"task_id": "a", "idempotency_key": "k"}, {"idempotency_key": "k"}],
    ids=["by id", "by key alone"],
)
async def test_executing_a_known_task_joins_those_who_wait_for_it(
    bench: Bench, again: dict[str, Any]
) -> None:
    first = execute(bench, spec("a", idempotency_key="k"))
    await bench.begin("a")
    second = execute(bench, spec(**again))
    await bench.settle()

    await bench.end("a", succeeded(b"42"))

    assert await soon(first) == await soon(second)
    assert bench.granted == ["a"]


@pytest.mark.parametrize(
    "again",
    [{"task_id": "a", "idempotency_key": "k"}, {"idempotency_key": "k"}],
    ids=["by id", "by key alone"],
)
async def test_executing_a_known_final_task_returns_its_retained_result(
    bench: Bench, again: dict[str, Any]
) -> None:
    await bench.put("a", idempotency_key="k")
    await bench.run("a", succeeded(b"42"))

    task = await soon(bench.manager.execute_task(spec(**again)))

    assert (task.id, task.output) == ("a", b"42")
    assert bench.granted == ["a"]


async def test_executing_other_content_under_a_known_id_is_refused(bench: Bench) -> None:
    await bench.put("a")

    with pytest.raises(AlreadyExists):
        await bench.manager.execute_task(spec("a", payload=b"2"))


async def test_a_wait_that_is_over_leaves_the_task_running(bench: Bench) -> None:
    call = execute(bench, spec("a"), timeout_us=2 * SECOND_US)
    await bench.begin("a")

    await bench.advance(2)

    with pytest.raises(TaskTimeout) as raised:
        await soon(call)
    assert raised.value.metadata == {"task_id": "a", "timeout": "wait"}
    assert (await bench.end("a")).status is TaskStatus.COMPLETED


async def test_a_wait_that_is_over_cancels_the_task_if_asked_to(bench: Bench) -> None:
    running = execute(bench, spec("a"), timeout_us=2 * SECOND_US, cancel_on_timeout=True)
    await bench.begin("a")
    queued = execute(bench, spec("b"), timeout_us=2 * SECOND_US, cancel_on_timeout=True)

    await bench.advance(2)

    for call in (running, queued):
        with pytest.raises(TaskTimeout):
            await soon(call)
    assert await bench.status("b") is TaskStatus.CANCELLED
    assert (await bench.task("a")).cancel_us is not None


async def test_a_wait_of_zero_looks_once(bench: Bench) -> None:
    call = execute(bench, spec("a"), timeout_us=0)
    await bench.settle()
    bench.clock.advance(0)

    with pytest.raises(TaskTimeout):
        await soon(call)
    assert await bench.status("a") is TaskStatus.QUEUED


async def test_a_caller_who_goes_away_leaves_the_task_and_no_trace_of_its_wait(bench: Bench) -> None:
    call = execute(bench, spec("a"))
    await bench.begin("a")

    call.cancel()
    await asyncio.wait([call])

    assert (await bench.end("a")).status is TaskStatus.COMPLETED


async def test_a_task_is_executed_by_its_id(bench: Bench) -> None:
    await bench.put("a", run_at_us=bench.clock.now_us() + 3600 * SECOND_US)

    call = execute(bench, "a")
    await bench.run("a", succeeded(b"42"))

    assert (await soon(call)).output == b"42"


async def test_an_unknown_id_cannot_be_executed(bench: Bench) -> None:
    with pytest.raises(TaskNotFound):
        await bench.manager.execute_task("nobody")


async def test_a_running_task_cannot_be_executed_again(bench: Bench) -> None:
    await bench.start("a")

    with pytest.raises(TaskAlreadyStarted):
        await bench.manager.execute_task("a")


@pytest.mark.parametrize(
    ("how", "error", "status"),
    [
        pytest.param("completed", TaskCompleted, "COMPLETED", id="completed"),
        pytest.param("failed", TaskCompleted, "FAILED", id="failed"),
        pytest.param("cancelled", TaskCancelled, "CANCELLED", id="cancelled"),
    ],
)
async def test_a_final_task_cannot_be_executed(
    bench: Bench, how: str, error: type[MillhandError], status: str
) -> None:
    await bench.put("a", retries=0)
    if how == "cancelled":
        await bench.manager.cancel_task("a")
    else:
        await bench.run("a", succeeded() if how == "completed" else FAILED)

    with pytest.raises(error) as raised:
        await bench.manager.execute_task("a")

    assert raised.value.metadata == {"task_id": "a", "status": status}


async def test_two_callers_may_wait_for_one_id_before_it_starts(bench: Bench) -> None:
    await bench.put("first")
    await bench.put("a")
    calls = [execute(bench, "a"), execute(bench, "a")]
    await bench.run("first")

    await bench.run("a", succeeded(b"42"))

    assert [(await soon(call)).output for call in calls] == [b"42", b"42"]
    assert bench.granted == ["first", "a"]


async def test_an_executed_task_goes_ahead_of_all_others(bench: Bench) -> None:
    await bench.start("holds the worker")
    await bench.put("most urgent", priority=-100)
    await bench.put("a", priority=100)

    execute(bench, "a")
    await bench.settle()
    await bench.end("holds the worker")

    assert bench.granted[:2] == ["holds the worker", "a"]


async def test_an_executed_task_does_not_wait_for_its_retry_delay(bench: Bench) -> None:
    await bench.put("a", retry_delay_us=3600 * SECOND_US)
    assert (await bench.run("a", FAILED)).status is TaskStatus.RETRYING

    call = execute(bench, "a")
    await bench.run("a")

    assert (await soon(call)).status is TaskStatus.COMPLETED


async def test_an_executed_task_waits_for_a_free_worker_all_the_same(bench: Bench) -> None:
    await bench.start("holds the worker")
    await bench.put("a")

    execute(bench, "a")
    await bench.settle()

    assert bench.granted == ["holds the worker"]


async def test_an_executed_task_waits_for_the_rate_limit_all_the_same(open_bench: OpenBench) -> None:
    bench = await open_bench(tasks_per_second=1, max_workers=4)
    await bench.start("takes the token")
    await bench.put("a")

    execute(bench, "a")
    await bench.settle()
    before = bench.granted
    await bench.advance(1.1)

    assert before == ["takes the token"]
    assert bench.granted == ["takes the token", "a"]


async def test_a_task_that_was_claimed_already_may_be_waited_for_by_id(bench: Bench) -> None:
    await bench.put("a")

    call = execute(bench, "a")
    await bench.settle()
    await bench.run("a", succeeded(b"42"))

    assert (await soon(call)).output == b"42"
