from __future__ import annotations

import pytest
from tests.engine.bench import FAILED, Bench, soon, spec, succeeded
from tests.engine.conftest import OpenBench

from millhand_server.core.errors import Closing, InvalidArgument
from millhand_server.core.execution import StopCause, Stopped
from millhand_server.core.query import EVERYTHING, Page, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US
from millhand_server.engine.answers import CloseMode, Drained


async def test_an_idle_manager_closes_at_once(bench: Bench) -> None:
    assert await soon(bench.manager.close()) == Drained({})
    assert bench.threads.stopped
    assert bench.loops.stopped


async def test_running_work_may_finish_in_the_grace_and_nothing_new_begins(bench: Bench) -> None:
    await bench.start("a")
    await bench.put("b")
    closing = bench.spawn(bench.manager.close())
    await bench.advance(19)
    early = closing.done()

    task = await bench.end("a", succeeded(b"42"))
    drained = await soon(closing)

    assert bench.threads.shutdown_announced
    assert (early, bench.threads.signals) == (False, [])
    assert (task.status, task.output) == (TaskStatus.COMPLETED, b"42")
    assert drained == Drained({TaskStatus.QUEUED: 1})
    assert bench.granted == ["a"]


async def test_after_the_grace_attempts_are_told_to_stop_and_an_interrupted_one_uses_no_retry(
    bench: Bench,
) -> None:
    key = await bench.start("a", retries=0)
    closing = bench.spawn(bench.manager.close(timeout_us=3 * SECOND_US))

    await bench.advance(3)
    signals = list(bench.threads.signals)
    task = await bench.end("a", Stopped())

    assert signals == [(key, StopCause.SHUTDOWN)]
    assert (task.status, task.retries_used, task.attempt) == (TaskStatus.QUEUED, 0, 1)
    assert await soon(closing) == Drained({TaskStatus.QUEUED: 1})


async def test_a_handler_that_still_finishes_after_the_grace_has_done_the_work(bench: Bench) -> None:
    await bench.start("a")
    closing = bench.spawn(bench.manager.close(timeout_us=0))
    await bench.advance(0.001)

    task = await bench.end("a", succeeded(b"42"))

    assert task.status is TaskStatus.COMPLETED
    assert await soon(closing) == Drained({})


async def test_now_skips_the_grace(bench: Bench) -> None:
    key = await bench.start("a")

    closing = bench.spawn(bench.manager.close(CloseMode.NOW))
    await bench.settle()
    signals = list(bench.threads.signals)
    await bench.end("a", Stopped())

    assert signals == [(key, StopCause.SHUTDOWN)]
    assert await soon(closing) == Drained({TaskStatus.QUEUED: 1})


async def test_now_ends_a_grace_that_still_runs_and_both_get_the_same_answer(bench: Bench) -> None:
    await bench.start("a")
    graceful = bench.spawn(bench.manager.close())
    await bench.advance(1)
    unsignalled = not bench.threads.signals

    now = bench.spawn(bench.manager.close(CloseMode.NOW))
    await bench.settle()
    await bench.end("a", Stopped())

    assert unsignalled
    assert await soon(now) == await soon(graceful) == Drained({TaskStatus.QUEUED: 1})


async def test_a_later_close_gets_the_same_answer(bench: Bench) -> None:
    await bench.put("a")
    first = await bench.close()

    assert await soon(bench.manager.close()) == first


async def test_code_that_does_not_stop_is_left_behind(bench: Bench) -> None:
    await bench.start("a")
    closing = bench.spawn(bench.manager.close(CloseMode.NOW))

    await bench.advance(4.9)
    early = closing.done()
    await bench.advance(0.2)

    assert not early
    assert await soon(closing) == Drained({TaskStatus.RUNNING: 1})


async def test_what_was_claimed_and_not_begun_goes_back(bench: Bench) -> None:
    await bench.put("a", "b")
    assert list(bench.threads.waiting) != []

    await soon(bench.manager.close())

    assert bench.threads.waiting == {}
    [row] = await bench.memory.get(["a"])
    assert row is not None
    assert (row.status, row.owner, row.attempt) == (TaskStatus.QUEUED, None, 0)


async def test_new_work_is_refused_while_closing(bench: Bench) -> None:
    await bench.start("a")
    bench.spawn(bench.manager.close())
    await bench.settle()

    assert bench.manager.closing.is_set()
    for call in (
        bench.manager.register_task(spec()),
        bench.manager.register_tasks([spec()]),
        bench.manager.execute_task(spec()),
        bench.manager.execute_task("a"),
    ):
        with pytest.raises(Closing):
            await call


async def test_reads_and_cancels_go_on_while_closing_and_reads_after_it(bench: Bench) -> None:
    await bench.start("a")
    await bench.put("b")
    closing = bench.spawn(bench.manager.close())
    await bench.settle()

    cancelled = await soon(bench.manager.cancel_task("b"))
    await bench.end("a")
    await soon(closing)

    assert cancelled.task.status is TaskStatus.CANCELLED
    assert await bench.statuses("a", "b") == [TaskStatus.COMPLETED, TaskStatus.CANCELLED]
    assert (await bench.manager.get_tasks(EVERYTHING, Page(limit=10))).total == 2
    page = await bench.manager.get_results(EVERYTHING)
    assert [frame.task.id for frame in page.results] == ["b", "a"]


async def test_those_who_wait_have_their_results_first_and_the_others_are_let_go(
    open_bench: OpenBench,
) -> None:
    bench = await open_bench(max_workers=1)
    running = bench.spawn(bench.manager.execute_task(spec("runs")))
    await bench.begin("runs")
    queued = bench.spawn(bench.manager.execute_task(spec("queued")))
    waiting = bench.spawn(bench.manager.wait(TaskFilter(ids=frozenset({"queued"}))))
    await bench.settle()
    closing = bench.spawn(bench.manager.close())
    await bench.settle()

    await bench.end("runs", succeeded(b"42"))
    await soon(closing)

    assert (await soon(running)).output == b"42"
    for call in (queued, waiting):
        with pytest.raises(Closing):
            await soon(call)


async def test_a_retry_does_not_begin_while_closing(bench: Bench) -> None:
    await bench.start("a", retry_delay_us=0)
    closing = bench.spawn(bench.manager.close())
    await bench.settle()

    await bench.end("a", FAILED)

    drained = await soon(closing)
    assert bench.granted == ["a"]
    assert sum(drained.counts.values()) == 1


async def test_a_closing_manager_is_not_ready(bench: Bench) -> None:
    told: list[bool] = []
    bench.manager.readiness.subscribe(told.append)
    await bench.start("a")
    bench.spawn(bench.manager.close())

    await bench.advance(0.5)

    assert not bench.manager.is_ready()
    assert told == [True, False]


async def test_another_node_cannot_be_closed_here(bench: Bench) -> None:
    with pytest.raises(InvalidArgument):
        await bench.manager.close(node_id="node-2")

    assert not bench.manager.closing.is_set()
