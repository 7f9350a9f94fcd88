from __future__ import annotations

from tests.engine.bench import Bench, spec
from tests.engine.conftest import OpenBench
from tests.fakes.store import Fail, Slow

from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US


async def test_a_new_engine_has_workers_and_nothing_to_do(bench: Bench) -> None:
    measures = await bench.manager.measure()

    assert (measures.workers, measures.running, measures.stuck) == (1, 0, 0)
    assert (measures.oldest_due_us, measures.store_is_available) == (0, True)
    assert measures.stored is not None
    assert (measures.stored.unfinished, measures.stored.results) == ({}, 0)


async def test_tasks_are_counted_by_the_status_that_readers_see(bench: Bench) -> None:
    await bench.start("runs")
    await bench.put("waits", "waits too")
    await bench.put("later", delay_us=60 * SECOND_US)

    measures = await bench.manager.measure()

    assert measures.stored is not None
    assert measures.stored.unfinished == {
        TaskStatus.RUNNING: 1,
        TaskStatus.QUEUED: 2,
        TaskStatus.SCHEDULED: 1,
    }
    assert measures.running == 1


async def test_the_oldest_is_the_one_that_is_due_longest_whatever_its_priority(bench: Bench) -> None:
    await bench.start("busy")
    await bench.put("old", priority=50)
    await bench.advance(7)
    await bench.put("urgent", priority=-50)
    await bench.put("later", delay_us=SECOND_US)

    assert (await bench.manager.measure()).oldest_due_us == 7 * SECOND_US


async def test_a_head_that_a_rate_limit_holds_back_is_counted_as_such(open_bench: OpenBench) -> None:
    bench = await open_bench(tasks_per_second=0.1, max_workers=4)
    await bench.put("a", "b", "c")

    measures = await bench.manager.measure()

    assert measures.stored is not None
    assert measures.stored.unfinished == {TaskStatus.QUEUED: 2, TaskStatus.RATE_LIMITED: 1}


async def test_results_kept_are_counted(bench: Bench) -> None:
    await bench.put("a")
    await bench.run("a")

    measures = await bench.manager.measure()

    assert measures.stored is not None
    assert measures.stored.results == 1


async def test_stuck_code_is_counted_until_it_ends(bench: Bench) -> None:
    await bench.start("a", retries=0, timeout_us=SECOND_US)
    await bench.advance(2)
    await bench.advance(20)
    while_stuck = await bench.manager.measure()
    await bench.end("a")

    assert (while_stuck.stuck, (await bench.manager.measure()).stuck) == (1, 0)


async def test_without_the_store_the_rest_is_measured(bench: Bench) -> None:
    bench.script.from_now_on("count", Fail())

    measures = await bench.manager.measure()

    assert (measures.stored, measures.workers) == (None, 1)


async def test_the_store_is_left_alone_for_twenty_times_as_long_as_it_took(bench: Bench) -> None:
    await _measure_in(bench, seconds=2)
    await bench.manager.register_task(spec("a"))
    await bench.advance(39)
    at_rest = await bench.manager.measure()
    await bench.advance(2)
    after_it = await bench.manager.measure()

    assert at_rest.stored is not None
    assert after_it.stored is not None
    assert (at_rest.stored.unfinished, after_it.stored.unfinished) == ({}, {TaskStatus.QUEUED: 1})


async def _measure_in(bench: Bench, *, seconds: float) -> None:
    """Measures while the store takes its time."""
    slow = Slow()
    bench.script.next("count", slow)
    call = bench.spawn(bench.manager.measure())
    await slow.entered.wait()
    await bench.advance(seconds)
    slow.release.set()
    await call
