from __future__ import annotations

from tests.engine.bench import Bench, soon, spec
from tests.engine.conftest import OpenBench

from millhand_server.core.query import EVERYTHING
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US
from millhand_server.engine.answers import CancelOutcome


async def measure(bench: Bench, seconds: float, *, handler: str = "work", count: int = 1) -> None:
    """Lets tasks of a handler take so long, so that the engine knows its duration."""
    for number in range(count):
        task_id = f"measured {number}"
        await bench.put(task_id, handler=handler)
        await bench.begin(task_id)
        bench.clock.advance(seconds)
        await bench.end(task_id)
    bench.threads.grants.clear()


async def test_nothing_is_claimed_ahead_for_a_handler_that_was_never_measured(bench: Bench) -> None:
    await bench.put("a", "b")

    assert bench.granted == ["a"]


async def test_claims_reach_fifty_milliseconds_ahead_at_the_handlers_duration(bench: Bench) -> None:
    await measure(bench, 0.010)

    await bench.put(*"abcdefghij")

    # One runs, and five of 10 ms each would start within 50 ms.
    assert bench.granted == list("abcdef")
    assert await bench.status("f") is TaskStatus.QUEUED


async def test_nothing_is_claimed_ahead_for_a_slow_handler(bench: Bench) -> None:
    await measure(bench, 0.030)

    await bench.put("a", "b")

    assert bench.granted == ["a"]


async def test_nothing_is_claimed_ahead_behind_a_handler_that_is_slow_or_unmeasured(bench: Bench) -> None:
    await measure(bench, 0.001)

    await bench.put("unmeasured", handler="other")
    await bench.put("a", "b")

    assert bench.granted == ["unmeasured"]


async def test_nothing_is_claimed_ahead_under_a_rate_limit(open_bench: OpenBench) -> None:
    bench = await open_bench(tasks_per_second=1000)
    await measure(bench, 0.001)

    await bench.put("a", "b")

    assert bench.granted == ["a"]


async def test_nothing_is_claimed_ahead_for_loops(open_bench: OpenBench) -> None:
    bench = await open_bench()
    await bench.put("measured", handler="loop")
    bench.loops.run(bench.key("measured"))
    await bench.settle()

    await bench.put("a", "b", handler="loop")

    assert [grant.key.task_id for grant in bench.loops.grants] == ["measured", "a"]


async def test_what_was_claimed_ahead_and_waits_longer_goes_back(bench: Bench) -> None:
    await measure(bench, 0.001)
    await bench.put("a", "b", "c")
    await bench.begin("a")
    assert bench.granted == ["a", "b", "c"]

    await bench.advance(0.2)

    assert [key.task_id for key in bench.threads.recalls] == ["b", "c"]
    assert bench.threads.waiting == {}
    assert await bench.statuses("b", "c") == [TaskStatus.QUEUED] * 2


async def test_what_went_back_is_not_claimed_ahead_again_before_a_worker_is_free(bench: Bench) -> None:
    await measure(bench, 0.001)
    await bench.put("a", "b", "c")
    await bench.begin("a")

    await bench.advance(2)
    claimed = bench.granted
    await bench.end("a")

    assert claimed == ["a", "b", "c"]
    assert bench.granted[3:4] == ["b"]


async def test_an_urgent_task_waits_less_than_a_second_for_those_claimed_ahead(bench: Bench) -> None:
    await measure(bench, 0.001)
    await bench.manager.register_tasks([spec(f"{number}") for number in range(40)])
    await bench.begin("0")
    assert len(bench.granted) == 40

    await bench.put("urgent", priority=-1)
    await bench.advance(0.9)
    await bench.end("0")

    assert bench.granted[40] == "urgent"


async def test_claims_that_come_back_raise_no_attempt(bench: Bench) -> None:
    await measure(bench, 0.001)
    await bench.put("a", "b")
    await bench.begin("a")
    await bench.advance(0.2)
    await bench.end("a")

    task = await bench.run("b")

    assert (task.attempt, len(task.attempts)) == (1, 1)


async def test_cancelling_all_dequeues_what_was_claimed_ahead(bench: Bench) -> None:
    await measure(bench, 0.001)
    await bench.put("a", "b", "c", "d")
    await bench.begin("a")

    cancelled = await soon(bench.manager.cancel_all(EVERYTHING))

    assert cancelled.counts == {CancelOutcome.SIGNALLED: 1, CancelOutcome.DEQUEUED: 3}


async def test_a_claimed_task_is_not_begun_after_its_start_timeout(bench: Bench) -> None:
    await measure(bench, 0.001)
    await bench.put("a")
    await bench.begin("a")
    await bench.put("b", start_timeout_us=SECOND_US // 10)
    assert bench.granted == ["a", "b"]

    await bench.advance(0.1)

    assert await bench.status("b") is TaskStatus.CONTEXT_DEADLINE_REACHED
