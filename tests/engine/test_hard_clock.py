"""Clocks that are set, graces that overlap, and other hard moments of the engine."""

from __future__ import annotations

import pytest
from tests.engine.bench import Bench, soon, spec

from millhand_server.core.errors import Closing, InvalidArgument
from millhand_server.core.query import TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US
from millhand_server.engine.options import MAX_WORKERS

HOUR = 3_600


async def test_a_backlog_goes_on_when_the_clock_is_set_back(bench: Bench) -> None:
    await bench.put("a", "b", "c")
    bench.clock.jump(-HOUR)

    for task_id in ("a", "b", "c"):
        await bench.run(task_id)

    assert await bench.statuses("a", "b", "c") == [TaskStatus.COMPLETED] * 3


async def test_a_task_starts_soon_when_the_clock_is_set_past_its_time(bench: Bench) -> None:
    await bench.put("a", delay_us=HOUR * SECOND_US)
    await bench.advance(0.1)
    bench.clock.jump(2 * HOUR)

    await bench.advance(1)

    assert bench.granted == ["a"]


async def test_a_deadline_is_noticed_soon_when_the_clock_is_set_past_it(bench: Bench) -> None:
    await bench.start("busy")
    await bench.put("a", deadline_us=bench.clock.now_us() + HOUR * SECOND_US)
    await bench.advance(0.1)
    bench.clock.jump(2 * HOUR)

    await bench.advance(1)

    assert await bench.status("a") is TaskStatus.CONTEXT_DEADLINE_REACHED


async def test_of_two_calls_to_close_the_shorter_grace_counts(bench: Bench) -> None:
    await bench.start("a")
    first = bench.spawn(bench.manager.close(timeout_us=10_000 * 365 * 24 * HOUR * SECOND_US))
    await bench.advance(1)
    second = bench.spawn(bench.manager.close(timeout_us=SECOND_US))

    await bench.advance(1)

    assert [signal[1].name for signal in bench.threads.signals] == ["SHUTDOWN"]
    await bench.advance(5)
    assert await soon(first) == await soon(second)


async def test_who_waits_for_a_task_that_will_not_begin_learns_it_when_closing_begins(bench: Bench) -> None:
    await bench.start("runs")
    queued = bench.spawn(bench.manager.execute_task(spec("queued")))
    running = bench.spawn(bench.manager.wait(TaskFilter(ids=frozenset({"runs"}))))
    await bench.settle()
    closing = bench.spawn(bench.manager.close())

    with pytest.raises(Closing):
        await soon(queued)
    assert not running.done()
    await bench.end("runs")
    assert (await soon(running)).done
    await soon(closing)


@pytest.mark.parametrize("count", [-1, MAX_WORKERS + 1, 2**31 - 1])
async def test_a_number_of_workers_out_of_its_bounds_changes_nothing(bench: Bench, count: int) -> None:
    with pytest.raises(InvalidArgument, match="workers"):
        await bench.manager.start_workers(count)

    assert (await bench.manager.start_workers()).before == 1
