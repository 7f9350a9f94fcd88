from __future__ import annotations

import pytest
from tests.engine.bench import FAILED, Bench, soon, spec, succeeded
from tests.engine.conftest import OpenBench

from millhand_server.core.execution import StopCause, Stopped
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US, Task

TIMED_OUT = TaskStatus.CONTEXT_DEADLINE_REACHED


def limit_of(task: Task) -> str:
    """Returns which limit ended the task, as its error tells."""
    assert task.error is not None
    assert (task.error.reason, task.error.code) == ("TASK_TIMEOUT", 4)
    return task.error.metadata["timeout"]


def signals(bench: Bench) -> list[tuple[str, StopCause]]:
    return [(key.task_id, cause) for key, cause in bench.threads.signals]


async def test_the_last_attempt_that_takes_too_long_ends_the_task_while_its_code_still_runs(
    bench: Bench,
) -> None:
    await bench.start("a", timeout_us=5 * SECOND_US, retries=0)

    await bench.advance(4.9)
    before = await bench.status("a")
    await bench.advance(0.1)
    task = await bench.task("a")

    assert (before, task.status, limit_of(task)) == (TaskStatus.RUNNING, TIMED_OUT, "attempt")
    assert signals(bench) == [("a", StopCause.TIMEOUT)]
    assert await bench.results() == ["a"]


async def test_code_that_runs_on_after_its_timeout_holds_its_worker_until_it_ends(bench: Bench) -> None:
    await bench.start("a", timeout_us=5 * SECOND_US, retries=0)
    await bench.put("b")
    await bench.advance(5)

    held = bench.granted
    late = await bench.end("a", succeeded(b"too late"))

    assert (held, bench.granted) == (["a"], ["a", "b"])
    assert (late.status, late.output) == (TIMED_OUT, b"")
    assert await bench.results() == ["a"]


async def test_a_timeout_with_retries_left_waits_for_the_code_to_end(bench: Bench) -> None:
    await bench.start("a", timeout_us=5 * SECOND_US, retries=1)

    await bench.advance(7)
    while_it_stops = await bench.status("a")
    stopped = await bench.end("a", Stopped())

    assert while_it_stops is TaskStatus.RUNNING
    assert (stopped.status, stopped.retries_used) == (TaskStatus.RETRYING, 1)
    assert signals(bench) == [("a", StopCause.TIMEOUT)]
    assert stopped.attempts[0].error is not None
    assert stopped.attempts[0].error.metadata == {"timeout": "attempt"}


async def test_timeouts_use_up_the_retries(bench: Bench) -> None:
    await bench.start("a", timeout_us=5 * SECOND_US, retries=1)
    await bench.advance(5)
    await bench.end("a", Stopped())
    await bench.advance(1)
    await bench.begin("a")

    await bench.advance(5)

    assert limit_of(await bench.task("a")) == "attempt"


async def test_a_handler_that_returns_in_spite_of_its_timeout_has_done_the_work(bench: Bench) -> None:
    await bench.start("a", timeout_us=5 * SECOND_US, retries=1)
    await bench.advance(5)

    task = await bench.end("a", succeeded(b"42"))

    assert (task.status, task.output) == (TaskStatus.COMPLETED, b"42")


async def test_no_second_attempt_runs_beside_the_first_until_that_counts_as_stuck(
    open_bench: OpenBench,
) -> None:
    bench = await open_bench(max_workers=2)
    await bench.start("a", timeout_us=5 * SECOND_US, retries=1)

    await bench.advance(14.9)
    before = bench.granted
    await bench.advance(0.2)
    task = await bench.task("a")
    await bench.advance(1)

    assert before == ["a"]
    assert task.status is TaskStatus.RETRYING
    assert bench.granted == ["a", "a"]


async def test_what_stuck_code_says_in_the_end_is_dropped(open_bench: OpenBench) -> None:
    bench = await open_bench(max_workers=2)
    first = await bench.start("a", timeout_us=5 * SECOND_US, retries=1)
    await bench.advance(16)
    second = await bench.begin("a")

    bench.threads.finish(first, succeeded(b"late"))
    await bench.settle()
    between = await bench.status("a")
    bench.threads.finish(second, succeeded(b"good"))
    await bench.settle()

    assert between is TaskStatus.RUNNING
    assert (await bench.task("a")).output == b"good"
    assert await bench.results() == ["a"]


async def test_stuck_code_is_shown_and_all_workers_stuck_is_not_ready(bench: Bench) -> None:
    await bench.start("a", timeout_us=5 * SECOND_US, retries=0)

    await bench.advance(14.9)
    before = ((await bench.task("a")).stuck, bench.manager.is_ready())
    await bench.advance(0.2)
    stuck = ((await bench.task("a")).stuck, bench.manager.is_ready())
    await bench.end("a")

    assert (before, stuck) == ((False, True), (True, False))
    assert bench.manager.is_ready()


async def test_a_timeout_of_zero_is_no_limit(bench: Bench) -> None:
    await bench.start("a", timeout_us=0)

    bench.clock.advance(7 * 24 * 3600)
    await bench.settle()

    assert await bench.status("a") is TaskStatus.RUNNING
    assert bench.threads.grants[0].deadline_us is None


async def test_the_servers_timeout_serves_tasks_that_set_none(open_bench: OpenBench) -> None:
    bench = await open_bench(timeout_us=30 * SECOND_US, max_retries=0)
    await bench.start("a")

    await bench.advance(30)

    assert await bench.status("a") is TIMED_OUT


@pytest.mark.parametrize(
    ("timeout_s", "deadline_s", "expected_s"), [(5, 60, 5), (60, 5, 5)], ids=["timeout", "deadline"]
)
async def test_a_handler_is_told_the_earlier_of_its_limits(
    bench: Bench, timeout_s: int, deadline_s: int, expected_s: int
) -> None:
    now_us = bench.clock.now_us()

    await bench.put("a", timeout_us=timeout_s * SECOND_US, deadline_us=now_us + deadline_s * SECOND_US)

    assert bench.threads.grants[0].deadline_us == now_us + expected_s * SECOND_US


async def test_a_task_that_waits_longer_than_its_start_timeout_ends(bench: Bench) -> None:
    await bench.start("holds the worker")
    await bench.put("a", start_timeout_us=5 * SECOND_US)

    await bench.advance(5)

    assert limit_of(await bench.task("a")) == "start"
    assert await bench.results() == ["a"]


async def test_the_start_timeout_counts_from_when_the_task_is_due(bench: Bench) -> None:
    await bench.start("holds the worker")
    await bench.put("a", start_timeout_us=5 * SECOND_US, delay_us=60 * SECOND_US)

    await bench.advance(64.9)
    before = await bench.status("a")
    await bench.advance(0.1)

    assert (before, await bench.status("a")) == (TaskStatus.QUEUED, TIMED_OUT)


async def test_the_start_timeout_is_over_with_the_first_start(bench: Bench) -> None:
    await bench.start("a", start_timeout_us=5 * SECOND_US, retry_delay_us=60 * SECOND_US)
    await bench.advance(6)
    running = await bench.status("a")
    await bench.end("a", FAILED)
    await bench.put("holds the worker", timeout_us=0)
    await bench.begin("holds the worker")

    await bench.advance(120)

    assert (running, await bench.status("a")) == (TaskStatus.RUNNING, TaskStatus.QUEUED)


@pytest.mark.parametrize("limit", ["start_timeout_us", "deadline_us"])
async def test_a_task_that_was_claimed_but_not_begun_in_time_ends_too(bench: Bench, limit: str) -> None:
    start_us = bench.clock.now_us() if limit == "deadline_us" else 0
    await bench.put("a", **{limit: start_us + SECOND_US // 10})
    assert bench.granted == ["a"]

    await bench.advance(0.1)

    assert limit_of(await bench.task("a")) == limit.split("_")[0]
    assert bench.threads.waiting == {}
    assert (await bench.task("a")).attempts == ()


async def test_a_deadline_that_has_passed_is_accepted_and_ends_the_task_before_it_runs(bench: Bench) -> None:
    [task] = await bench.register(spec("a", deadline_us=bench.clock.now_us()))

    assert task.status is TaskStatus.QUEUED
    assert limit_of(await bench.task("a")) == "deadline"
    assert bench.granted == []
    assert await bench.results() == ["a"]


async def test_executing_a_task_whose_deadline_has_passed_returns_it(bench: Bench) -> None:
    task = await soon(bench.manager.execute_task(spec("a", deadline_us=1)))

    assert limit_of(task) == "deadline"


async def test_overdue_tasks_do_not_hold_up_those_behind_them(bench: Bench) -> None:
    overdue = [spec(f"overdue {number}", deadline_us=1) for number in range(700)]
    await bench.manager.register_tasks([*overdue, spec("a")])

    await bench.settle()

    assert bench.granted == ["a"]
    assert len(await bench.results()) == 700


async def test_a_deadline_ends_a_task_that_waits(bench: Bench) -> None:
    deadline_us = bench.clock.now_us() + 5 * SECOND_US
    await bench.start("holds the worker")
    await bench.put("queued", deadline_us=deadline_us)
    await bench.put("scheduled", deadline_us=deadline_us, delay_us=60 * SECOND_US)

    await bench.advance(5)

    assert [limit_of(await bench.task(id_)) for id_ in ("queued", "scheduled")] == ["deadline"] * 2


async def test_a_deadline_ends_a_task_that_waits_for_its_retry(bench: Bench) -> None:
    deadline_us = bench.clock.now_us() + 5 * SECOND_US
    await bench.put("a", deadline_us=deadline_us, retry_delay_us=60 * SECOND_US)
    await bench.run("a", FAILED)

    await bench.advance(5)

    assert limit_of(await bench.task("a")) == "deadline"


async def test_a_deadline_ends_a_running_task_at_once_though_retries_are_left(bench: Bench) -> None:
    await bench.start("a", deadline_us=bench.clock.now_us() + 5 * SECOND_US, retries=3)

    await bench.advance(5)
    task = await bench.task("a")
    late = await bench.end("a", succeeded(b"late"))

    assert limit_of(task) == "deadline"
    assert signals(bench) == [("a", StopCause.DEADLINE)]
    assert (late.status, late.output) == (TIMED_OUT, b"")


async def test_a_deadline_cuts_the_wait_for_code_that_timed_out(bench: Bench) -> None:
    await bench.start(
        "a", timeout_us=5 * SECOND_US, deadline_us=bench.clock.now_us() + 7 * SECOND_US, retries=3
    )

    await bench.advance(5)
    await bench.advance(2)

    assert limit_of(await bench.task("a")) == "deadline"
