from __future__ import annotations

from tests.engine.bench import Bench, spec
from tests.engine.conftest import OpenBench

from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US


async def run_all(bench: Bench, count: int) -> list[str]:
    """Runs tasks one after the other as the engine grants them, and returns the order."""
    order: list[str] = []
    for _ in range(count):
        await bench.settle()
        executor = bench.threads if bench.threads.waiting else bench.loops
        [key] = executor.waiting
        executor.begin(key)
        await bench.settle()
        order.append(key.task_id)
        # Slow enough for nothing to be claimed ahead.
        bench.clock.advance(1)
        executor.finish(key)
    return order


async def test_lower_priorities_start_first_and_equal_ones_in_the_order_they_came(bench: Bench) -> None:
    await bench.manager.register_tasks(
        [
            spec("late", priority=10),
            spec("normal 1"),
            spec("urgent 1", priority=-10),
            spec("normal 2"),
            spec("urgent 2", priority=-10),
        ]
    )

    order = await run_all(bench, 5)

    assert order == ["urgent 1", "urgent 2", "normal 1", "normal 2", "late"]


async def test_tasks_of_different_handlers_and_queues_share_one_order(bench: Bench) -> None:
    await bench.manager.register_tasks(
        [
            spec("1", "other"),
            spec("2", "work"),
            spec("3", "other", queue="mail"),
            spec("4", "work", queue="mail"),
            spec("0", "work", queue="mail", priority=-1),
        ]
    )

    order = await run_all(bench, 5)

    assert order == ["0", "1", "2", "3", "4"]


async def test_a_backlog_of_one_lane_does_not_hold_up_another(bench: Bench) -> None:
    await bench.put("a", "b", "c", "d")
    await bench.put("urgent", handler="other", priority=-1)

    order = await run_all(bench, 3)

    # `a` had been granted before the urgent one came.
    assert order == ["a", "urgent", "b"]


async def test_a_handlers_own_queue_and_priority_serve_tasks_that_name_none(bench: Bench) -> None:
    unset, own = await bench.register(
        spec(handler="mailer"), spec(handler="mailer", queue="bulk", priority=-1)
    )

    assert (unset.queue, unset.priority) == ("mail", 5)
    assert (own.queue, own.priority) == ("bulk", -1)


async def test_a_scheduled_task_starts_when_its_time_has_come_and_not_before(bench: Bench) -> None:
    await bench.put("a", run_at_us=bench.clock.now_us() + 60 * SECOND_US)
    await bench.put("b", delay_us=90 * SECOND_US)

    before = await bench.statuses("a", "b")
    await bench.advance(59.9)
    granted_early = bench.granted
    await bench.advance(0.1)
    granted_in_time = bench.granted

    assert before == [TaskStatus.SCHEDULED, TaskStatus.SCHEDULED]
    assert (granted_early, granted_in_time) == ([], ["a"])
    assert await bench.statuses("a", "b") == [TaskStatus.QUEUED, TaskStatus.SCHEDULED]


async def test_a_scheduled_task_is_queued_once_due_though_no_worker_is_free(bench: Bench) -> None:
    await bench.start("holds the worker")
    await bench.put("a", delay_us=60 * SECOND_US)

    await bench.advance(60)

    assert await bench.status("a") is TaskStatus.QUEUED


async def test_a_run_at_in_the_past_is_now(bench: Bench) -> None:
    await bench.put("a", run_at_us=1)

    assert bench.granted == ["a"]


async def test_tasks_that_become_due_are_ordered_by_their_due_time(bench: Bench) -> None:
    await bench.start("holds the worker")
    await bench.put("due second", delay_us=20 * SECOND_US)
    await bench.put("due first", delay_us=10 * SECOND_US)
    await bench.advance(15)
    await bench.put("due third", delay_us=15 * SECOND_US)
    await bench.advance(15)
    await bench.end("holds the worker")

    order = await run_all(bench, 3)

    assert order == ["due first", "due second", "due third"]


async def test_async_handlers_run_beside_the_threads(open_bench: OpenBench) -> None:
    bench = await open_bench(max_workers=1, max_tasks=3)
    await bench.put("a", "b")
    await bench.put("c", "d", handler="loop")

    assert bench.granted == ["a"]
    assert [grant.key.task_id for grant in bench.loops.grants] == ["c", "d"]
