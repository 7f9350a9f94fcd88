from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.engine.bench import FAILED, Bench, soon, spec
from tests.engine.conftest import OpenBench

from millhand_server.core.query import EVERYTHING, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US
from millhand_server.engine.answers import WaitEnd


def wait(bench: Bench, wanted: TaskFilter = EVERYTHING, **options: Any) -> asyncio.Task[WaitEnd]:
    return bench.spawn(bench.manager.wait(wanted, **options))


async def test_a_wait_for_nothing_is_done_at_once(bench: Bench) -> None:
    assert await soon(wait(bench)) == WaitEnd(True, {})


async def test_a_wait_ends_when_no_matching_task_is_left_to_end(bench: Bench) -> None:
    await bench.put("a", "b", retries=0)
    waiting = wait(bench)

    await bench.run("a")
    early = waiting.done()
    await bench.run("b", FAILED)

    assert not early
    assert await soon(waiting) == WaitEnd(True, {TaskStatus.COMPLETED: 1, TaskStatus.FAILED: 1})


async def test_tasks_that_arrive_meanwhile_are_waited_for_too(bench: Bench) -> None:
    await bench.put("a")
    waiting = wait(bench)
    await bench.put("b")

    await bench.run("a")
    early = waiting.done()
    await bench.run("b")

    assert not early
    assert (await soon(waiting)).counts == {TaskStatus.COMPLETED: 2}


async def test_scheduled_tasks_are_waited_for(bench: Bench) -> None:
    await bench.put("a", delay_us=3600 * SECOND_US)
    waiting = wait(bench)

    await bench.advance(3599)
    early = waiting.done()
    await bench.advance(1)
    await bench.run("a")

    assert not early
    assert (await soon(waiting)).done


async def test_tasks_that_do_not_match_are_not_waited_for(bench: Bench) -> None:
    await bench.put("a", labels={"batch": "1"})
    await bench.put("b")
    waiting = wait(bench, TaskFilter(labels={"batch": "1"}))

    await bench.run("a")

    assert await soon(waiting) == WaitEnd(True, {TaskStatus.COMPLETED: 1})


async def test_a_wait_whose_time_is_over_says_how_things_are(bench: Bench) -> None:
    await bench.start("a")
    await bench.put("b")
    waiting = wait(bench, timeout_us=5 * SECOND_US)

    await bench.advance(4.9)
    early = waiting.done()
    await bench.advance(0.2)

    assert not early
    assert await soon(waiting) == WaitEnd(False, {TaskStatus.RUNNING: 1, TaskStatus.QUEUED: 1})


@pytest.mark.parametrize(("is_done", "ids"), [(False, ["a"]), (True, [])], ids=["one left", "none left"])
async def test_a_wait_of_zero_looks_once(bench: Bench, is_done: bool, ids: list[str]) -> None:
    await bench.put(*ids)

    end = await soon(wait(bench, timeout_us=0))

    assert end.done is is_done


async def test_a_wait_for_statuses_ends_when_tasks_have_left_them(bench: Bench) -> None:
    await bench.put("a")
    waiting = wait(bench, TaskFilter(statuses=frozenset({TaskStatus.QUEUED})))
    await bench.settle()

    await bench.begin("a")
    await bench.advance(1)

    assert await soon(waiting) == WaitEnd(True, {})


async def test_a_wait_for_final_statuses_has_nothing_to_wait_for(bench: Bench) -> None:
    await bench.put("a")

    end = await soon(wait(bench, TaskFilter(statuses=frozenset({TaskStatus.COMPLETED}))))

    assert end.done


async def test_a_wait_counts_what_a_rate_limit_holds_back_as_it_is_shown(open_bench: OpenBench) -> None:
    bench = await open_bench(tasks_per_second=1)
    await bench.start("takes the token")
    await bench.put("head", "behind")

    end = await soon(wait(bench, timeout_us=0))

    assert end.counts == {TaskStatus.RUNNING: 1, TaskStatus.RATE_LIMITED: 1, TaskStatus.QUEUED: 1}


async def test_many_may_wait_for_one_task(bench: Bench) -> None:
    await bench.put("a")
    waits = [wait(bench) for _ in range(50)]
    calls = [bench.spawn(bench.manager.execute_task(spec("a"))) for _ in range(50)]
    await bench.settle()

    await bench.run("a")

    assert {(await soon(one)).done for one in waits} == {True}
    assert {(await soon(call)).status for call in calls} == {TaskStatus.COMPLETED}
