"""ManagerBench: time, attempts and handlers in a test's hands, the rest as in a server."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

import millhand
from millhand import Handlers, TaskContext
from millhand.kit import Failed as HandlerFailed
from millhand_server.core import errors
from millhand_server.core.task import TaskSpec
from millhand_server.engine.options import ManagerOptions
from millhand_server.testing import Failed, ManagerBench, TaskStatus, manager

LONG_S = 30.0
DAY_S = 86_400.0


def made_handlers(ran: list[str]) -> Handlers:
    """Returns handlers that note that they ran."""
    handlers = Handlers()

    @handlers.handler("greet")
    def greet(request: Any, task: TaskContext) -> str:
        ran.append(task.id)
        return f"hello {request}"

    @handlers.handler("async greet")
    async def async_greet(request: Any, task: TaskContext) -> str:
        ran.append(task.id)
        return f"hello {request}, later"

    @handlers.handler("flaky", retries=5, retry_delay=10)
    def flaky(request: Any, task: TaskContext) -> int:
        ran.append(task.id)
        if task.attempt <= request:
            raise HandlerFailed("NOT_YET")
        return task.attempt

    @handlers.handler("hold", retries=0)
    def hold(_: Any, task: TaskContext) -> None:
        task.wait_cancelled(LONG_S)
        task.raise_if_cancelled()

    return handlers


@pytest.fixture
def ran() -> list[str]:
    return []


@pytest.fixture
def handlers(ran: list[str]) -> Handlers:
    return made_handlers(ran)


async def test_what_is_due_runs_and_what_is_not_waits(handlers: Handlers, ran: list[str]) -> None:
    async with manager(handlers) as bench:
        await bench.register("greet", "you", id="now")
        await bench.register("greet", id="later", delay=60)
        before = list(ran)

        [ended] = await bench.run_due()

        assert (before, ran) == ([], ["now"])
        assert (ended.id, ended.status) == ("now", TaskStatus.COMPLETED)
        assert await bench.result("now") == "hello you"
        assert await bench.status("later") is TaskStatus.SCHEDULED


async def test_attempts_run_in_the_order_in_which_the_engine_grants_them(
    handlers: Handlers, ran: list[str]
) -> None:
    async with manager(handlers, options=ManagerOptions(max_workers=1)) as bench:
        await bench.register("greet", id="takes the worker")
        await bench.register("greet", id="ordinary")
        await bench.register("greet", id="urgent", priority=-5)

        ended = await bench.run_due()

        assert ran == ["takes the worker", "urgent", "ordinary"]
        assert [task.id for task in ended] == ran


async def test_nothing_runs_when_nothing_is_due(handlers: Handlers) -> None:
    async with manager(handlers) as bench:
        await bench.register("greet", delay=1)

        assert await bench.run_due() == []


async def test_a_task_runs_when_its_time_has_come(handlers: Handlers, ran: list[str]) -> None:
    async with manager(handlers) as bench:
        await bench.register("greet", "you", run_at=bench.now + timedelta(seconds=60))

        await bench.advance(59.9)
        early = list(ran)
        await bench.advance(0.1)

        assert (early, ran) == ([], ["task-1"])
        task = await bench.task("task-1")
        assert task.start_us == bench.clock.now_us()


async def test_retries_come_in_their_time(handlers: Handlers, ran: list[str]) -> None:
    async with manager(handlers) as bench:
        await bench.register("flaky", 2)

        [first] = await bench.run_due()
        await bench.advance(35)

        assert first.status is TaskStatus.RETRYING
        assert await bench.result("task-1") == 3
        starts = [attempt.start_us for attempt in (await bench.task("task-1")).attempts]
        # 10 s and 20 s, give or take 10 %.
        waits = [(later - earlier) / 1e6 for earlier, later in pairwise(starts)]
        assert waits == [pytest.approx(10, rel=0.1), pytest.approx(20, rel=0.1)]
        assert len(ran) == 3


async def test_the_same_seed_gives_the_same_run(handlers: Handlers) -> None:
    async def due_us(seed: int) -> int:
        async with manager(handlers, seed=seed) as bench:
            await bench.register("flaky", 9)
            [task] = await bench.run_due()
            return task.due_us

    assert await due_us(1) == await due_us(1)
    assert await due_us(1) != await due_us(2)


async def test_ids_are_counted_whoever_makes_them(handlers: Handlers) -> None:
    async with manager(handlers) as bench:
        ours = await bench.register("greet")
        keyed = await bench.register("greet", idempotency_key="once")
        again = await bench.register("greet", idempotency_key="once")
        direct = (await bench.manager.register_task(TaskSpec(handler="greet"))).task

        assert [ours.id, keyed.id, again.id] == ["task-1", "task-2", "task-2"]
        assert direct.id == "task-4"


async def test_async_handlers_run_like_plain_ones(handlers: Handlers) -> None:
    async with manager(handlers) as bench:
        await bench.register("async greet", "you", delay=5)

        await bench.advance(5)

        assert await bench.result("task-1") == "hello you, later"


async def test_what_the_edge_refuses_is_refused(handlers: Handlers) -> None:
    async with manager(handlers) as bench:
        with pytest.raises(millhand.InvalidArgument) as priority:
            await bench.register("greet", priority=101)
        with pytest.raises(millhand.InvalidTaskFunc):
            await bench.register("nobody")
        with pytest.raises(millhand.InvalidPayload):
            await bench.register("greet", float("nan"))

        assert [violation.field for violation in priority.value.violations] == ["task.priority"]


async def test_asking_for_the_result_of_a_failed_task_says_how_it_failed(handlers: Handlers) -> None:
    async with manager(handlers) as bench:
        await bench.register("flaky", 9, retries=0)
        await bench.run_due()

        with pytest.raises(AssertionError, match=r"task-1.* FAILED.*NOT_YET"):
            await bench.result("task-1")


async def test_code_that_waits_can_be_cancelled(handlers: Handlers) -> None:
    async with manager(handlers) as bench:
        await bench.register("hold")
        await bench.call("task-1")
        running = await bench.status("task-1")

        await bench.manager.cancel_task("task-1", "enough")

        assert running is TaskStatus.RUNNING
        assert (await bench.until_ended("task-1")).status is TaskStatus.CANCELLED


async def test_code_that_waits_is_timed_out_by_the_clock_of_the_bench(handlers: Handlers) -> None:
    async with manager(handlers) as bench:
        await bench.register("hold", attempt_timeout=300)
        await bench.call("task-1")

        await bench.advance(300)

        await bench.until_ended("task-1")
        task = await bench.task("task-1")
        assert task.error is not None
        assert (task.status, task.error.reason) == (TaskStatus.CONTEXT_DEADLINE_REACHED, "TASK_TIMEOUT")


async def test_code_that_does_not_end_is_named(handlers: Handlers) -> None:
    async with manager(handlers) as bench:
        bench.threads.patience_s = 0.05
        await bench.register("hold")

        with pytest.raises(AssertionError, match=r"attempt 1 of task task-1 did not end within 0.05 s"):
            await bench.run_due()


async def test_code_that_cannot_begin_is_named() -> None:
    gate, handlers = threading.Event(), Handlers()

    @handlers.handler("gated")
    def gated() -> None:
        gate.wait(LONG_S)

    async with manager(handlers, options=ManagerOptions(max_workers=1)) as bench:
        await bench.register("gated")
        await bench.call("task-1")
        await bench.register("gated")

        with pytest.raises(AssertionError, match=r"task 'task-2' was granted: .* no place is free"):
            await bench.call("task-2")
        with pytest.raises(AssertionError, match=r"attempt 1 of task 'task-1' does not wait to be begun"):
            await bench.call("task-1")
        gate.set()


async def test_a_block_waits_for_called_code_that_takes_its_time_to_stop() -> None:
    handlers = Handlers()

    @handlers.handler("tidies up")
    def tidies_up(_: Any, task: TaskContext) -> int:
        task.wait_cancelled(LONG_S)
        return sum(range(5_000_000))

    async with manager(handlers) as bench:
        await bench.register("tidies up")
        await bench.call("task-1")

    assert bench.threads.called == {}


async def test_by_hand_a_test_says_when_attempts_begin_and_how_they_end(
    handlers: Handlers, ran: list[str]
) -> None:
    async with manager(handlers, by_hand=True) as bench:
        await bench.register("greet", retries=1)
        await bench.begin("task-1")
        await bench.advance(5)
        between = await bench.status("task-1")

        ended = await bench.end("task-1", Failed("BY_HAND", "no", fatal=True))

        assert (between, ended.status) == (TaskStatus.RUNNING, TaskStatus.FAILED)
        assert ended.attempts[0].end_us - ended.attempts[0].start_us == 5_000_000
        assert ran == []


async def test_by_hand_time_alone_runs_nothing(handlers: Handlers, ran: list[str]) -> None:
    async with manager(handlers, by_hand=True) as bench:
        await bench.register("greet", delay=1)

        await bench.advance(10)
        before = list(ran)
        await bench.run_due()

        assert (before, ran) == ([], ["task-1"])


async def test_operations_that_wait_go_on_beside_the_test(handlers: Handlers) -> None:
    async with manager(handlers) as bench:
        executing = bench.spawn(bench.manager.execute_task(TaskSpec(handler="flaky", payload=b"", retries=0)))

        await bench.run_due()

        assert (await executing).status is TaskStatus.FAILED


async def test_a_call_beside_the_test_that_waits_for_ever_ends_with_the_block(handlers: Handlers) -> None:
    async with manager(handlers) as bench:
        waiting = bench.spawn(asyncio.Event().wait())
        await bench.settle()

    assert waiting.cancelled()


async def test_a_year_can_pass_in_one_step(handlers: Handlers, ran: list[str]) -> None:
    async with manager(handlers) as bench:
        await bench.register("greet", delay=365 * DAY_S)

        bench.clock.advance(365 * DAY_S)
        await bench.run_due()

        assert ran == ["task-1"]


async def test_two_benches_know_nothing_of_each_other(handlers: Handlers) -> None:
    async with manager(handlers) as one, manager(handlers) as other:
        await one.register("greet")

        with pytest.raises(errors.TaskNotFound):
            await other.task("task-1")
        assert isinstance(other, ManagerBench)
