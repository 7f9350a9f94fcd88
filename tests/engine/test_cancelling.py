from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.engine.bench import FAILED, Bench, soon, spec, succeeded
from tests.engine.conftest import OpenBench
from tests.fakes.store import Slow

from millhand_server.core.errors import TaskNotFound
from millhand_server.core.execution import Failed, Outcome, StopCause, Stopped
from millhand_server.core.query import EVERYTHING, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US, Task
from millhand_server.engine.answers import AllCancelled, Cancellation, CancelOutcome


def cancel(bench: Bench, task_id: str, reason: str = "", **options: Any) -> asyncio.Task[Cancellation]:
    return bench.spawn(bench.manager.cancel_task(task_id, reason, **options))


def reason_of(task: Task) -> str:
    """Returns the reason that a cancelled task tells."""
    assert task.status is TaskStatus.CANCELLED
    assert task.error is not None
    assert (task.error.reason, task.error.code) == ("TASK_CANCELLED", 1)
    return task.error.metadata.get("cause", "")


async def test_an_unknown_task_cannot_be_cancelled(bench: Bench) -> None:
    with pytest.raises(TaskNotFound):
        await bench.manager.cancel_task("nobody")


@pytest.mark.parametrize("status", ["SCHEDULED", "QUEUED", "RETRYING", "RATE_LIMITED"])
async def test_a_task_that_waits_is_dequeued(open_bench: OpenBench, status: str) -> None:
    bench = await open_bench(tasks_per_second=1)
    await _bring_to(bench, "a", TaskStatus[status])

    answer = await soon(cancel(bench, "a", "not needed", wait_us=SECOND_US))
    await bench.advance(3600)

    assert answer.outcome is CancelOutcome.DEQUEUED
    assert reason_of(answer.task) == "not needed"
    assert reason_of(await bench.task("a")) == "not needed"
    assert (await bench.results()).count("a") == 1
    assert bench.granted.count("a") == (1 if status == "RETRYING" else 0)


async def _bring_to(bench: Bench, task_id: str, status: TaskStatus) -> None:
    if status is TaskStatus.RETRYING:
        await bench.put(task_id, retry_delay_us=60 * SECOND_US)
        await bench.run(task_id, FAILED)
    elif status is TaskStatus.SCHEDULED:
        await bench.put(task_id, delay_us=60 * SECOND_US)
    elif status is TaskStatus.RATE_LIMITED:
        await bench.put("takes the token", task_id)
    else:
        await bench.start("holds the worker")
        await bench.advance(10)
        await bench.put(task_id)
    assert await bench.status(task_id) is status


async def test_a_running_task_is_signalled_and_stays_running_until_its_code_stops(bench: Bench) -> None:
    key = await bench.start("a")

    answer = await soon(cancel(bench, "a", "not needed"))
    stopped = await bench.end("a", Stopped())

    assert (answer.outcome, answer.task.status) == (CancelOutcome.SIGNALLED, TaskStatus.RUNNING)
    assert answer.task.cancel_us is not None
    assert bench.threads.signals == [(key, StopCause.CANCEL)]
    assert reason_of(stopped) == "not needed"


@pytest.mark.parametrize(
    "outcome",
    [
        Stopped(),
        FAILED,
        Failed("BUSY", "", from_handler=True, fatal=True),
        Failed("HANDLER_FAILED", "", retry_after_us=SECOND_US),
    ],
    ids=["stopped", "failed", "fatal", "retry after"],
)
async def test_whatever_else_than_success_ends_a_cancelled_attempt_the_task_is_cancelled(
    bench: Bench, outcome: Outcome
) -> None:
    await bench.start("a")
    await soon(cancel(bench, "a", "not needed"))

    task = await bench.end("a", outcome)
    await bench.advance(3600)

    assert reason_of(task) == "not needed"
    assert bench.granted == ["a"]
    assert await bench.results() == ["a"]


async def test_a_handler_that_returns_after_the_request_stays_completed(bench: Bench) -> None:
    await bench.start("a")
    await soon(cancel(bench, "a"))

    task = await bench.end("a", succeeded(b"42"))

    assert (task.status, task.output) == (TaskStatus.COMPLETED, b"42")
    assert task.cancel_us is not None


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Stopped(), TaskStatus.CANCELLED), (succeeded(), TaskStatus.COMPLETED)],
    ids=["stopped", "completed"],
)
async def test_a_cancel_that_waits_tells_that_the_code_stopped_and_how(
    bench: Bench, outcome: Outcome, status: TaskStatus
) -> None:
    await bench.start("a")
    call = cancel(bench, "a", wait_us=5 * SECOND_US)
    await bench.settle()
    waited = not call.done()

    await bench.end("a", outcome)
    answer = await soon(call)

    assert waited
    assert (answer.outcome, answer.task.status) == (CancelOutcome.STOPPED, status)


async def test_a_cancel_whose_wait_is_over_says_that_it_signalled(bench: Bench) -> None:
    await bench.start("a")
    call = cancel(bench, "a", wait_us=5 * SECOND_US)

    await bench.advance(5)

    assert (await soon(call)).outcome is CancelOutcome.SIGNALLED


async def test_a_cancel_does_not_say_stopped_of_code_that_runs_on_after_its_timeout(bench: Bench) -> None:
    await bench.start("a", timeout_us=2 * SECOND_US, retries=0)
    call = cancel(bench, "a", wait_us=5 * SECOND_US)

    await bench.advance(5)
    answer = await soon(call)

    assert (answer.outcome, answer.task.status) == (CancelOutcome.SIGNALLED, TaskStatus.CANCELLED)


async def test_a_cancel_says_so_when_the_code_counts_as_stuck(bench: Bench) -> None:
    await bench.start("a")
    call = cancel(bench, "a", wait_us=60 * SECOND_US)

    await bench.advance(11)
    answer = await soon(call)

    assert (answer.outcome, answer.task.stuck) == (CancelOutcome.NOT_STOPPABLE, True)
    assert answer.task.status is TaskStatus.RUNNING


async def test_a_second_cancel_of_stuck_code_says_so_at_once(bench: Bench) -> None:
    await bench.start("a")
    await soon(cancel(bench, "a"))
    await bench.advance(11)

    answer = await soon(cancel(bench, "a", wait_us=60 * SECOND_US))

    assert answer.outcome is CancelOutcome.NOT_STOPPABLE


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
async def test_a_final_task_stays_as_it_is(bench: Bench, end: str) -> None:
    await bench.put("a", retries=0)
    if end == "cancelled":
        await soon(cancel(bench, "a", "first"))
    else:
        await bench.run("a", succeeded() if end == "completed" else FAILED)
    before = await bench.task("a")

    answer = await soon(cancel(bench, "a", "second"))

    assert answer == Cancellation(CancelOutcome.ALREADY_FINAL, before)


async def test_the_reason_of_the_first_request_stands(bench: Bench) -> None:
    await bench.start("a")
    await soon(cancel(bench, "a", "first"))
    again = await soon(cancel(bench, "a", "second"))

    task = await bench.end("a", Stopped())

    assert again.outcome is CancelOutcome.SIGNALLED
    assert reason_of(task) == "first"


async def test_a_task_that_was_claimed_and_not_begun_is_dequeued(bench: Bench) -> None:
    await bench.put("a")
    assert bench.granted == ["a"]

    answer = await soon(cancel(bench, "a", "not needed"))

    assert answer.outcome is CancelOutcome.DEQUEUED
    assert reason_of(answer.task) == "not needed"
    assert answer.task.attempts == ()


async def test_a_claimed_task_whose_code_begins_just_then_is_signalled(bench: Bench) -> None:
    bench.threads.keeps_waiting = True
    await bench.put("a")
    call = cancel(bench, "a")
    await bench.settle()
    waited = not call.done()

    await bench.begin("a")

    assert waited
    assert (await soon(call)).outcome is CancelOutcome.SIGNALLED


async def test_several_claimed_tasks_are_dequeued_in_one_call(open_bench: OpenBench) -> None:
    bench = await open_bench(max_workers=3)
    await bench.put("a", "b", "c")
    assert bench.granted == ["a", "b", "c"]

    answers = await soon(bench.manager.cancel_tasks(["a", "nobody", "b", "c"]))

    assert [isinstance(one, Cancellation) and one.outcome for one in answers] == [
        CancelOutcome.DEQUEUED,
        False,
        CancelOutcome.DEQUEUED,
        CancelOutcome.DEQUEUED,
    ]
    assert isinstance(answers[1], TaskNotFound)


async def test_a_timed_out_attempt_that_is_cancelled_has_no_retry(bench: Bench) -> None:
    await bench.start("a", timeout_us=2 * SECOND_US, retries=3)
    await bench.advance(2)
    await soon(cancel(bench, "a", "not needed"))

    task = await bench.end("a", Stopped())

    assert reason_of(task) == "not needed"


async def test_those_who_wait_for_a_task_get_it_cancelled(bench: Bench) -> None:
    await bench.start("holds the worker")
    waiting = bench.spawn(bench.manager.execute_task(spec("a")))
    await bench.settle()

    await soon(cancel(bench, "a"))

    assert (await soon(waiting)).status is TaskStatus.CANCELLED


async def test_cancel_all_cancels_what_matches_and_leaves_the_rest(bench: Bench) -> None:
    await bench.start("running")
    await bench.put("a", "b", labels={"batch": "1"})
    await bench.put("c")

    one_label = await soon(bench.manager.cancel_all(TaskFilter(labels={"batch": "1"}), "not needed"))
    rest = await soon(bench.manager.cancel_all(EVERYTHING))

    assert one_label == AllCancelled({CancelOutcome.DEQUEUED: 2})
    assert rest == AllCancelled({CancelOutcome.DEQUEUED: 1, CancelOutcome.SIGNALLED: 1})
    assert reason_of(await bench.task("a")) == "not needed"
    assert await bench.results() == ["a", "b", "c"]


async def test_cancel_all_takes_many_tasks(bench: Bench) -> None:
    await bench.start("running")
    for _ in range(2):
        await bench.manager.register_tasks([spec() for _ in range(600)])

    cancelled = await soon(bench.manager.cancel_all(EVERYTHING))

    assert cancelled.counts == {CancelOutcome.SIGNALLED: 1, CancelOutcome.DEQUEUED: 1200}


async def test_cancel_all_leaves_what_is_accepted_after_it_began(bench: Bench) -> None:
    await bench.start("running")
    await bench.manager.register_tasks([spec() for _ in range(600)])
    slow = Slow()
    bench.script.next("cancel", slow)
    call = bench.spawn(bench.manager.cancel_all(EVERYTHING))
    await soon(slow.entered.wait())
    await bench.put("later")

    slow.release.set()
    await soon(call)

    assert await bench.status("later") is TaskStatus.QUEUED


@pytest.mark.parametrize(
    ("status", "cancelled"),
    [
        pytest.param(TaskStatus.RATE_LIMITED, ["head"], id="rate limited"),
        pytest.param(TaskStatus.QUEUED, ["behind"], id="queued"),
        pytest.param(TaskStatus.SCHEDULED, ["later"], id="scheduled"),
        pytest.param(TaskStatus.COMPLETED, [], id="completed"),
    ],
)
async def test_cancel_all_asks_for_statuses_as_they_are_shown(
    open_bench: OpenBench, status: TaskStatus, cancelled: list[str]
) -> None:
    bench = await open_bench(tasks_per_second=1)
    await bench.start("takes the token")
    await bench.put("head", "behind")
    await bench.put("later", delay_us=SECOND_US)

    await soon(bench.manager.cancel_all(TaskFilter(statuses=frozenset({status}))))

    assert await bench.results() == cancelled


async def test_cancel_all_and_wait_returns_when_all_code_has_ended(open_bench: OpenBench) -> None:
    bench = await open_bench(max_workers=2)
    await bench.start("a")
    await bench.start("b")
    await bench.put("c")
    call = bench.spawn(bench.manager.cancel_all_and_wait(EVERYTHING))

    await bench.settle()
    await bench.end("b", Stopped())
    waited = not call.done()
    await bench.end("a", succeeded())

    assert waited
    assert await soon(call) == AllCancelled({CancelOutcome.DEQUEUED: 1, CancelOutcome.STOPPED: 2})


async def test_cancel_all_and_wait_names_what_still_runs_when_its_time_is_over(
    open_bench: OpenBench,
) -> None:
    bench = await open_bench(max_workers=2)
    await bench.start("stops")
    await bench.start("runs on")
    call = bench.spawn(bench.manager.cancel_all_and_wait(EVERYTHING, timeout_us=5 * SECOND_US))
    await bench.settle()
    await bench.end("stops", Stopped())

    await bench.advance(5)

    assert await soon(call) == AllCancelled(
        {CancelOutcome.STOPPED: 1, CancelOutcome.SIGNALLED: 1}, ("runs on",)
    )


async def test_cancel_all_and_wait_does_not_wait_for_stuck_code(bench: Bench) -> None:
    await bench.start("a")
    call = bench.spawn(bench.manager.cancel_all_and_wait(EVERYTHING))

    await bench.advance(11)

    assert await soon(call) == AllCancelled({CancelOutcome.NOT_STOPPABLE: 1}, ("a",))


async def test_cancel_all_and_wait_names_code_that_runs_on_though_its_task_is_final(bench: Bench) -> None:
    await bench.start("a", timeout_us=2 * SECOND_US, retries=0)
    call = bench.spawn(bench.manager.cancel_all_and_wait(EVERYTHING, timeout_us=5 * SECOND_US))

    await bench.advance(5)

    assert await soon(call) == AllCancelled({CancelOutcome.SIGNALLED: 1}, ("a",))
