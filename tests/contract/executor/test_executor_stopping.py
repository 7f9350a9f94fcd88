"""Signals and recalls: what has begun is told, what has not is given back, and no race is both or neither."""

from __future__ import annotations

import asyncio
import threading

import pytest
from tests.contract.executor.bench import Bench, until_cancelled

from millhand.kit import StopReason, TaskContext
from millhand_server.core.execution import Failed, Grant, Isolation, Returned, StopCause, Stopped, Succeeded
from millhand_server.core.task import AttemptKey
from millhand_server.testing.executor import PATIENCE_S

NOBODY = AttemptKey("nobody", 1, 1)
ASYNC_ONLY = pytest.mark.parametrize("bench", ["async", "async behind bytes"], indirect=True)
THREAD_ONLY = pytest.mark.parametrize("bench", ["thread", "thread behind bytes"], indirect=True)


@pytest.fixture
async def held(bench: Bench) -> Bench:
    """A bench whose one worker, or loop, does nothing else until `release` is called."""
    bench.start()
    await bench.hold()
    return bench


async def test_a_recalled_grant_that_has_not_begun_is_returned_and_never_begins(held: Bench) -> None:
    executor = held.executor
    waiting, next_one = held.grant("echo"), held.grant("echo")
    executor.submit([waiting, next_one])

    executor.recall([waiting.key, NOBODY])
    await held.until(lambda: held.kinds_of(waiting))
    held.release()
    await held.outcome(next_one)

    assert held.kinds_of(waiting) == ["Returned"]


async def test_a_signalled_grant_that_has_not_begun_is_returned_and_never_begins(held: Bench) -> None:
    executor = held.executor
    waiting, next_one = held.grant("echo"), held.grant("echo")
    executor.submit([waiting, next_one])

    executor.signal([waiting.key, NOBODY], StopCause.DEADLINE)
    await held.until(lambda: held.kinds_of(waiting))
    held.release()
    await held.outcome(next_one)

    assert held.kinds_of(waiting) == ["Returned"]


async def test_a_grant_that_was_returned_can_be_submitted_again_at_once(held: Bench) -> None:
    executor = held.executor
    grant, twin = held.grant("echo", 1), held.grant("echo", 2)
    twin = Grant(key=grant.key, handler="echo", payload=twin.payload)

    executor.submit([grant])
    executor.signal([grant.key], StopCause.SHUTDOWN)
    executor.submit([twin])
    held.release()
    outcome = await held.outcome(grant)
    await held.answered()

    assert outcome == Succeeded(b"2")
    assert held.kinds_of(grant) == ["Returned", "Started", "Finished"]


async def test_the_signal_to_a_returned_grant_does_not_meet_the_next_one_of_its_key(held: Bench) -> None:
    executor = held.executor
    grant = held.grant("waits for cancel")

    executor.submit([grant])
    executor.signal([grant.key], StopCause.SHUTDOWN)
    executor.submit([grant])
    held.release()
    await held.started(grant)
    if held.isolation is Isolation.ASYNC:
        await held.answered()
    ended_by_the_first_signal = "Finished" in held.kinds_of(grant)
    executor.signal([grant.key], StopCause.CANCEL)

    assert await held.outcome(grant) == Stopped()
    assert not ended_by_the_first_signal


async def test_a_recall_lets_what_has_begun_go_on(bench: Bench) -> None:
    gate = bench.gate()

    @bench.handler("waits")
    async def _(_: object, task: TaskContext) -> object:
        await gate.passed()
        return task.cancelled

    executor = bench.start()
    grant = bench.grant("waits")
    executor.submit([grant])
    await bench.started(grant)

    executor.recall([grant.key])
    gate.open()

    assert await bench.outcome(grant) == Succeeded(b"false")


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        pytest.param(StopCause.CANCEL, StopReason.CANCEL, id="cancel"),
        pytest.param(StopCause.TIMEOUT, StopReason.TIMEOUT, id="timeout"),
        pytest.param(StopCause.DEADLINE, StopReason.DEADLINE, id="deadline"),
        pytest.param(StopCause.SHUTDOWN, StopReason.SHUTDOWN_NOW, id="shutdown"),
        pytest.param(StopCause.LEASE_LOST, StopReason.LEASE_LOST, id="lease lost"),
    ],
)
async def test_a_signal_wakes_the_handler_which_learns_the_first_cause(
    bench: Bench, cause: StopCause, reason: StopReason
) -> None:
    told: list[StopReason | None] = []

    @bench.handler("remembers why")
    async def _(_: object, task: TaskContext) -> None:
        try:
            await until_cancelled(task)
        finally:
            told.append(task.stop_reason)

    executor = bench.start()
    grant = bench.grant("remembers why")
    executor.submit([grant])
    await bench.started(grant)

    executor.signal([grant.key], cause)
    executor.signal([grant.key], StopCause.SHUTDOWN)

    assert await bench.outcome(grant) == Stopped()
    assert told == [reason]


async def test_a_handler_that_returns_in_spite_of_the_signal_has_succeeded(bench: Bench) -> None:
    gate = bench.gate()

    @bench.handler("finishes", raise_on_cancel=False)
    async def _(_: object, task: TaskContext) -> object:
        await gate.passed()
        return task.cancelled

    executor = bench.start(workers=2)
    grant = bench.grant("finishes")
    executor.submit([grant])
    await bench.started(grant)

    executor.signal([grant.key], StopCause.CANCEL)
    await bench.answered()
    gate.open()

    assert await bench.outcome(grant) == Succeeded(b"true")


async def test_an_error_after_the_signal_is_told_as_the_error_it_is(bench: Bench) -> None:
    @bench.handler("breaks")
    async def _(_: object, task: TaskContext) -> None:
        try:
            await until_cancelled(task)
        except BaseException:
            raise OSError("cleaning up failed") from None

    executor = bench.start()
    grant = bench.grant("breaks")
    executor.submit([grant])
    await bench.started(grant)

    executor.signal([grant.key], StopCause.CANCEL)

    assert await bench.outcome(grant) == Failed("HANDLER_FAILED", "OSError")


async def test_signals_to_the_ended_and_the_unknown_are_ignored(bench: Bench) -> None:
    executor = bench.start()
    grant = bench.grant("echo")
    executor.submit([grant])
    await bench.outcome(grant)

    executor.signal([grant.key, NOBODY], StopCause.CANCEL)
    executor.recall([grant.key, NOBODY])
    await bench.answered()

    assert bench.kinds_of(grant) == ["Started", "Finished"]


async def test_a_signal_that_races_the_start_returns_the_grant_or_stops_its_attempt(bench: Bench) -> None:
    executor = bench.start(workers=4)
    grants = [bench.grant("waits for cancel") for _ in range(1_000)]

    for number, grant in enumerate(grants):
        executor.submit([grant])
        if number % 7 == 0:
            # Lets the workers in at other moments than between two submissions.
            await asyncio.sleep(0)
        executor.signal([grant.key], StopCause.CANCEL)
    for grant in grants:
        await bench.until(lambda grant=grant: bench.kinds_of(grant)[-1:] in (["Returned"], ["Finished"]))  # type: ignore[misc]
    await bench.answered()

    for grant in grants:
        assert bench.kinds_of(grant) in (["Returned"], ["Started", "Finished"])
        if Returned not in map(type, bench.frames_of(grant)):
            assert await bench.outcome(grant) == Stopped()


@ASYNC_ONLY
async def test_a_coroutine_is_cancelled_at_its_await(bench: Bench) -> None:
    events: list[str] = []

    @bench.handler("sleeps")
    async def _(_: object, __: TaskContext) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            events.append("cut")
            raise

    executor = bench.start()
    grant = bench.grant("sleeps")
    executor.submit([grant])
    await bench.started(grant)

    executor.signal([grant.key], StopCause.CANCEL)

    assert await bench.outcome(grant) == Stopped()
    assert events == ["cut"]


@ASYNC_ONLY
async def test_a_second_signal_does_not_cut_the_cleaning_up_after_the_first(bench: Bench) -> None:
    gate = bench.gate()

    @bench.handler("cleans up")
    async def _(_: object, task: TaskContext) -> object:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            task.progress(0)
            await gate.passed()
            return "clean"
        return None

    executor = bench.start(workers=2)
    grant = bench.grant("cleans up")
    executor.submit([grant])
    await bench.started(grant)

    executor.signal([grant.key], StopCause.CANCEL)
    await bench.reported(grant)
    executor.signal([grant.key], StopCause.SHUTDOWN)
    await bench.answered()
    gate.open()

    assert await bench.outcome(grant) == Succeeded(b'"clean"')


@ASYNC_ONLY
@pytest.mark.parametrize("in_a_thread", [False, True], ids=["on the loop", "in a thread of its own"])
async def test_a_shield_holds_the_cancellation_back_until_it_ends(bench: Bench, in_a_thread: bool) -> None:
    signalled, cut = threading.Event(), threading.Event()
    gate = bench.gate()
    events: list[str] = []

    def block(task: TaskContext) -> None:
        with task.shield():
            task.progress(0)
            assert signalled.wait(PATIENCE_S)
            events.append("shielded part done")
        # The end of the shield alone wakes the loop, before this thread ends and does it too.
        if not cut.wait(PATIENCE_S / 5):
            events.append("late")

    @bench.handler("shields")
    async def _(_: object, task: TaskContext) -> None:
        try:
            if in_a_thread:
                await asyncio.to_thread(block, task)
            else:
                with task.shield():
                    task.progress(0)
                    await gate.passed()
                    events.append("shielded part done")
            await asyncio.Event().wait()
        finally:
            events.append("cut" if task.cancelled else "not told")
            cut.set()

    executor = bench.start(workers=2)
    grant = bench.grant("shields")
    executor.submit([grant])
    await bench.reported(grant)

    executor.signal([grant.key], StopCause.CANCEL)
    await bench.answered()
    assert events == []
    gate.open()
    signalled.set()

    assert await bench.outcome(grant) == Stopped()
    assert events == ["shielded part done", "cut"]


async def test_a_running_handler_learns_of_the_shutdown_and_may_go_on(bench: Bench) -> None:
    gate = bench.gate()

    @bench.handler("looks")
    async def _(_: object, task: TaskContext) -> object:
        before = task.shutting_down
        task.progress(0)
        await gate.passed()
        return [before, task.shutting_down, task.cancelled]

    executor = bench.start(workers=2)
    grant = bench.grant("looks")
    executor.submit([grant])
    await bench.reported(grant)

    executor.announce_shutdown()
    await bench.answered()
    gate.open()

    assert await bench.outcome(grant) == Succeeded(b"[false, true, false]")


async def test_a_handler_that_begins_after_the_announcement_knows_it_too(bench: Bench) -> None:
    @bench.handler("looks")
    async def _(_: object, task: TaskContext) -> object:
        return task.shutting_down

    executor = bench.start()

    executor.announce_shutdown()

    assert await bench.run("looks") == Succeeded(b"true")
