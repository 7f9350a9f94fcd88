from __future__ import annotations

import pytest
from tests.engine.bench import Bench, soon, spec
from tests.engine.conftest import OpenBench

from millhand_server.core.errors import InvalidArgument
from millhand_server.core.query import EVERYTHING, Page, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US
from millhand_server.engine.answers import Resized


def begin_all(bench: Bench) -> int:
    """Lets the code of everything granted begin, and returns how many those were."""
    keys = list(bench.threads.waiting)
    for key in keys:
        bench.threads.begin(key)
    return len(keys)


async def test_as_many_start_at_once_as_the_burst_allows_and_the_rest_at_the_rate(
    open_bench: OpenBench,
) -> None:
    bench = await open_bench(tasks_per_second=20, max_workers=100)
    await bench.manager.register_tasks([spec() for _ in range(50)])

    await bench.settle()
    at_once = begin_all(bench)
    later = 0
    for _ in range(101):
        await bench.advance(0.01)
        later += begin_all(bench)

    assert (at_once, later) == (2, 20)


async def test_a_low_rate_lets_one_start_at_a_time(open_bench: OpenBench) -> None:
    bench = await open_bench(tasks_per_second=0.5, max_workers=100)
    await bench.put("a", "b", "c")
    await bench.begin("a")

    await bench.advance(1.9)
    early = bench.granted
    await bench.advance(0.2)

    assert (early, bench.granted) == (["a"], ["a", "b"])


async def test_only_the_due_heads_are_shown_as_rate_limited(open_bench: OpenBench) -> None:
    bench = await open_bench(tasks_per_second=1, max_workers=100)
    await bench.start("started")
    await bench.put("head", "behind")
    await bench.put("other head", handler="other")
    await bench.put("not due", queue="mail", delay_us=3600 * SECOND_US)

    shown = await bench.statuses("started", "head", "behind", "other head", "not due")
    limited = TaskFilter(statuses=frozenset({TaskStatus.RATE_LIMITED}))
    listed = await bench.manager.get_tasks(limited, Page(limit=10))

    assert shown == [
        TaskStatus.RUNNING,
        TaskStatus.RATE_LIMITED,
        TaskStatus.QUEUED,
        TaskStatus.RATE_LIMITED,
        TaskStatus.SCHEDULED,
    ]
    assert [task.id for task in listed.tasks] == ["head", "other head"]
    assert {task.status for task in listed.tasks} == {TaskStatus.RATE_LIMITED}
    assert listed.total == 2


async def test_a_head_that_waits_for_a_worker_alone_is_queued(open_bench: OpenBench) -> None:
    bench = await open_bench(tasks_per_second=1, max_workers=1)
    await bench.start("holds the worker")
    await bench.put("a")

    await bench.advance(1)

    assert await bench.status("a") is TaskStatus.QUEUED


async def test_a_task_that_was_cancelled_before_it_began_costs_no_token(open_bench: OpenBench) -> None:
    bench = await open_bench(tasks_per_second=1, max_workers=100)
    await bench.put("a", "b")
    assert bench.granted == ["a"]

    await soon(bench.manager.cancel_task("a"))
    await bench.settle()

    assert bench.granted == ["a", "b"]


async def test_a_task_that_expired_costs_no_token(open_bench: OpenBench) -> None:
    bench = await open_bench(tasks_per_second=1, max_workers=100)

    await bench.manager.register_tasks([spec("expired", deadline_us=1), spec("a"), spec("b")])
    await bench.settle()

    assert bench.granted == ["a"]


async def test_tasks_that_wait_for_the_rate_do_not_hold_up_what_runs(open_bench: OpenBench) -> None:
    bench = await open_bench(tasks_per_second=1, max_workers=100)
    await bench.start("a")
    await bench.put("b")

    task = await bench.end("a")
    listed = await bench.manager.get_tasks(EVERYTHING, Page(limit=10))

    assert task.status is TaskStatus.COMPLETED
    assert listed.total == 2


async def test_max_tasks_bounds_threads_and_loops_together(open_bench: OpenBench) -> None:
    bench = await open_bench(max_workers=2, max_tasks=3)
    await bench.put("l1", "l2", handler="loop")
    await bench.put("a", "b", "c")

    held = ([grant.key.task_id for grant in bench.loops.grants], bench.granted)
    bench.loops.begin(bench.key("l1"))
    bench.loops.finish(bench.key("l1"))
    await bench.settle()

    assert held == (["l1", "l2"], ["a"])
    assert bench.granted == ["a", "b"]


async def test_a_quick_handler_does_not_get_past_max_tasks(open_bench: OpenBench) -> None:
    bench = await open_bench(max_workers=4, max_tasks=2)
    await bench.put("quick")
    await bench.run("quick")

    await bench.put(*"abcdef")

    assert bench.granted == ["quick", "a", "b"]


async def test_more_workers_take_effect_at_once(bench: Bench) -> None:
    await bench.put("a", "b", "c")

    resized = await bench.manager.start_workers(3)
    await bench.settle()

    assert resized == Resized(1, 3)
    assert bench.granted == ["a", "b", "c"]
    assert bench.threads.workers == 3


async def test_fewer_workers_take_effect_as_attempts_end(open_bench: OpenBench) -> None:
    bench = await open_bench(max_workers=2)
    await bench.put("a", "b", "c", "d")
    await bench.begin("a")
    await bench.begin("b")
    bench.clock.advance(1)

    await bench.manager.start_workers(1)
    await bench.end("a")
    after_one_end = bench.granted
    await bench.end("b")

    assert (after_one_end, bench.granted) == (["a", "b"], ["a", "b", "c"])


async def test_attempts_of_workers_that_were_taken_away_still_count(open_bench: OpenBench) -> None:
    bench = await open_bench(max_workers=2, max_tasks=2)
    await bench.start("a")
    await bench.start("b")
    await bench.put("c", handler="loop")

    await bench.manager.start_workers(1)
    await bench.settle()
    both_run = len(bench.loops.grants)
    await bench.end("a")

    assert (both_run, len(bench.loops.grants)) == (0, 1)


async def test_no_workers_drain_and_the_configured_number_brings_them_back(bench: Bench) -> None:
    await bench.start("a")
    await bench.put("b")
    await bench.put("c", handler="loop")

    await bench.manager.start_workers(0)
    await bench.end("a")
    drained = (bench.granted, bench.loops.grants)
    back = await bench.manager.start_workers()
    await bench.settle()

    assert drained == (["a"], [])
    assert back == Resized(0, 1)
    assert bench.granted == ["a", "b"]


@pytest.mark.parametrize(
    ("count", "node", "field"),
    [(-1, "", "count"), (1, "node-2", "node_id")],
    ids=["negative count", "other node"],
)
async def test_workers_that_cannot_be_started_are_refused(
    bench: Bench, count: int, node: str, field: str
) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await bench.manager.start_workers(count, node_id=node)

    assert [violation.field for violation in raised.value.violations] == [field]
