from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from tests.contract import steps
from tests.engine.bench import Bench, soon, spec
from tests.engine.conftest import OpenBench
from tests.fakes.store import Fail, Slow, Well
from tests.fakes.tasks import ended, new_task

from millhand_server.core.losses import SUSPECT_AFTER
from millhand_server.core.ports import TaskStore
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US, AttemptKey, Lane, Owner, TaskError
from millhand_server.core.transition import WORKER_LOST
from millhand_server.engine.answers import BlockReason, CancelOutcome
from millhand_server.engine.quarantine import alone_us
from millhand_server.store.acceptance import first_row
from millhand_server.testing.clock import START_US

WORK = Lane("default", "", "work")

#: What was lost here had run for long, which counts as ten seconds. A second more for each attempt.
ALONE_S = 10.5


def lost(*ids: str, times: int = 1, **fields: Any) -> Callable[[TaskStore], Awaitable[None]]:
    """Returns what processes did that ran these tasks and died, one after the other."""

    async def leave(store: TaskStore) -> None:
        await steps.put(store, *(new_task(task_id, handler="work", **fields) for task_id in ids))
        for number in range(times):
            await store.recover(Owner("node-1", 100 + number), limit=100)
            for _ in ids:
                await steps.start(store, WORK)

    return leave


async def suspects(open_bench: OpenBench, *ids: str, **fields: Any) -> Bench:
    """Starts a manager with two workers on tasks that have to run in quarantine."""
    bench = await open_bench(earlier=lost(*ids, times=SUSPECT_AFTER, **fields), max_workers=2)
    await bench.settle()
    return bench


async def test_what_an_earlier_process_ran_runs_before_what_waited_behind_it(open_bench: OpenBench) -> None:
    async def earlier(store: TaskStore) -> None:
        await lost("a")(store)
        await steps.put(store, new_task("b", handler="work"))

    bench = await open_bench(earlier=earlier)

    task = await bench.run("a")

    assert bench.granted == ["a", "b"]
    assert (task.status, task.attempt, task.retries_used, task.losses) == (TaskStatus.COMPLETED, 2, 0, 1)


async def test_what_an_earlier_process_was_told_to_cancel_is_cancelled(open_bench: OpenBench) -> None:
    async def earlier(store: TaskStore) -> None:
        await lost("a")(store)
        await store.cancel(["a"], "enough")

    bench = await open_bench(earlier=earlier)
    await bench.settle()

    assert await bench.status("a") is TaskStatus.CANCELLED
    assert bench.granted == []


async def test_the_log_says_what_was_taken_back(
    open_bench: OpenBench, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="millhand_server.engine.recovery"):
        await open_bench(earlier=lost("a", "b"))
        await open_bench()

    assert [record.getMessage() for record in caplog.records] == [
        "took 2 tasks back that an earlier process held when it ended: 2 run again"
    ]


async def test_suspects_run_one_at_a_time_and_take_no_place_while_they_wait(open_bench: OpenBench) -> None:
    bench = await suspects(open_bench, "a", "b", "c")
    await bench.put("innocent")
    key = await bench.begin("a")
    await bench.advance(ALONE_S + key.attempt)
    await bench.begin("innocent")
    first = list(bench.granted)

    await bench.end("a")
    second = list(bench.granted)
    await bench.run("b")

    assert first == ["a", "innocent"]
    assert second == ["a", "innocent", "b"]
    assert bench.granted == ["a", "innocent", "b", "c"]


async def test_nothing_else_begins_until_a_suspect_is_past_where_it_was_lost(open_bench: OpenBench) -> None:
    async def earlier(store: TaskStore) -> None:
        await lost("a", times=SUSPECT_AFTER)(store)
        await steps.put(store, new_task("b", handler="work"))

    bench = await open_bench(earlier=earlier, max_workers=2)
    key = await bench.begin("a")
    alone = list(bench.granted)
    closed = await soon(bench.manager.explain_task("b"))
    await bench.advance(ALONE_S + key.attempt - 0.1)
    still_alone = list(bench.granted)
    await bench.advance(0.1)

    assert alone == still_alone == ["a"]
    assert bench.granted == ["a", "b"]
    assert BlockReason.QUARANTINE in [block.reason for block in closed.reasons]


async def test_others_begin_at_once_when_the_suspect_has_ended(open_bench: OpenBench) -> None:
    bench = await suspects(open_bench, "a")
    await bench.put("b")

    await bench.run("a")

    assert bench.granted == ["a", "b"]


@pytest.mark.parametrize(
    ("runs_us", "attempt", "alone_s"),
    [
        pytest.param([], 5, 0.5, id="nothing known"),
        pytest.param([100_000, 2_000_000], 5, 2.5, id="longest run"),
        pytest.param([100_000], 7, 2.6, id="another time for each attempt"),
        pytest.param([60 * SECOND_US], 5, 10.5, id="not for long"),
    ],
)
def test_how_long_a_suspect_is_alone(runs_us: list[int], attempt: int, alone_s: float) -> None:
    key = AttemptKey("a", 1, 1)
    attempts = tuple(
        msgspec.structs.replace(ended(key, TaskError(13, WORKER_LOST, "gone")), start_us=0, end_us=run_us)
        for run_us in runs_us
    )
    [row] = [first_row(new_task("a"), sequence=1, now_us=0)]

    task = msgspec.structs.replace(row, attempts=attempts, attempt=attempt)

    assert alone_us(task) == alone_s * SECOND_US


async def test_the_start_of_a_suspect_is_stored_before_its_code_can_begin(open_bench: OpenBench) -> None:
    bench = await suspects(open_bench, "a", "b")
    await bench.begin("a")
    slow = Slow(answer_late=True)
    # The end of the one, then the start of the next.
    bench.script.next("apply", Well(), slow)
    bench.threads.finish(bench.key("a"))
    await soon(slow.entered.wait())
    meanwhile = (await bench.status("b"), list(bench.granted))

    slow.release.set()
    await bench.settle()

    assert meanwhile == (TaskStatus.RUNNING, ["a"])
    assert bench.granted == ["a", "b"]


async def test_a_suspect_whose_start_cannot_be_stored_waits_for_the_store(open_bench: OpenBench) -> None:
    bench = await suspects(open_bench, "a", "b")
    await bench.begin("a")
    bench.script.next("apply", Well(), Fail())
    await bench.end("a")
    meanwhile = list(bench.granted)

    await bench.advance(1)

    assert meanwhile == ["a"]
    assert bench.granted == ["a", "b"]


async def test_who_asks_about_a_waiting_suspect_hears_of_the_quarantine(open_bench: OpenBench) -> None:
    bench = await suspects(open_bench, "a", "b")

    explanation = await soon(bench.manager.explain_task("b"))

    [block] = [one for one in explanation.reasons if one.reason is BlockReason.QUARANTINE]
    assert (explanation.status, block.used) == (TaskStatus.QUEUED, SUSPECT_AFTER)


async def test_a_waiting_suspect_is_cancelled_at_once(open_bench: OpenBench) -> None:
    bench = await suspects(open_bench, "a", "b")

    done = await soon(bench.manager.cancel_task("b"))

    assert done.outcome is CancelOutcome.DEQUEUED
    assert await bench.statuses("a", "b") == [TaskStatus.RUNNING, TaskStatus.CANCELLED]


async def test_a_waiting_suspect_ends_with_its_deadline(open_bench: OpenBench) -> None:
    bench = await suspects(open_bench, "a", "b", deadline_us=START_US + 5 * SECOND_US)

    await bench.advance(6)

    assert bench.granted == ["a"]
    assert await bench.status("b") is TaskStatus.CONTEXT_DEADLINE_REACHED


async def test_a_suspect_that_is_given_back_before_it_began_comes_again(open_bench: OpenBench) -> None:
    bench = await suspects(open_bench, "a", "b")

    bench.threads.give_back(bench.key("a"))
    await bench.settle()

    assert bench.granted == ["a", "b"]
    assert await bench.status("a") is TaskStatus.QUEUED


async def test_a_server_that_closes_begins_no_suspect(open_bench: OpenBench) -> None:
    bench = await suspects(open_bench, "a", "b")
    await bench.begin("a")
    closing = bench.spawn(bench.manager.close(timeout_us=60 * SECOND_US))
    await bench.settle()

    await bench.end("a")
    drained = await soon(closing)

    assert bench.granted == ["a"]
    assert drained.counts == {TaskStatus.QUEUED: 1}


async def test_a_suspect_that_ends_well_is_done(open_bench: OpenBench) -> None:
    bench = await suspects(open_bench, "a")

    task = await bench.run("a")
    await bench.register(spec("later"))

    assert task.status is TaskStatus.COMPLETED
    assert bench.granted == ["a", "later"]
