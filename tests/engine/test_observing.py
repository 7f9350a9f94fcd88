"""What observers are told: all that was stored, once, and nothing that was not."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest
from tests.engine.bench import FAILED, Bench, soon, spec, succeeded
from tests.engine.conftest import OpenBench
from tests.fakes.store import Fail, Slow, Unknown
from tests.fakes.tasks import ended, handler_failed

from millhand_server.core import transition
from millhand_server.core.errors import StoreUnavailable
from millhand_server.core.execution import Failed, Stopped
from millhand_server.core.ports import CancelMark, Change
from millhand_server.core.task import SECOND_US, Task
from millhand_server.core.transition import NOTHING_REPORTED

DONE_OR_NOT = pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])


class Told:
    """An observer that remembers, in words."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.changes: list[Change] = []

    def accepted(self, tasks: Sequence[Task]) -> None:
        self.words += [f"{task.id} accepted" for task in tasks]

    def changed(self, changes: Sequence[Change]) -> None:
        self.changes += changes
        self.words += [f"{change.after.id} {change.after.status.name}" for change in changes]

    def cancelled(self, marks: Sequence[CancelMark]) -> None:
        self.words += [
            f"{mark.task.id} {'dequeued' if mark.dequeued else 'signalled'}" for mark in marks if mark.task
        ]


class Broken(Told):
    """An observer whose every call is a fault."""

    def accepted(self, tasks: Sequence[Task]) -> None:
        raise ValueError("accepted")

    def changed(self, changes: Sequence[Change]) -> None:
        raise ValueError("changed")


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def bench(open_bench: OpenBench, told: Told) -> Bench:
    """A manager with one worker and an observer."""
    return await open_bench(observers=[told])


async def test_a_task_is_told_from_its_registration_to_its_end(bench: Bench, told: Told) -> None:
    await bench.put("a")
    await bench.run("a")

    assert told.words == ["a accepted", "a RUNNING", "a COMPLETED"]


async def test_a_batch_is_told_but_for_what_was_known(bench: Bench, told: Told) -> None:
    await bench.put("a")

    await bench.manager.register_tasks([spec("b"), spec("a"), spec("c"), spec("b")])

    assert told.words == ["a accepted", "b accepted", "c accepted"]


async def test_a_quick_attempt_is_told_once_for_its_start_and_its_end(bench: Bench, told: Told) -> None:
    await bench.put("a")
    key = bench.key("a")
    bench.threads.begin(key)
    bench.threads.finish(key, succeeded())
    await bench.settle()

    assert told.words == ["a accepted", "a COMPLETED"]


async def test_a_change_has_the_row_before_it(bench: Bench, told: Told) -> None:
    due_us = bench.clock.now_us()
    await bench.start("a", retries=1)
    await bench.advance(3)

    await bench.end("a", FAILED)

    change = told.changes[-1]
    assert (change.before.due_us, change.before.status.name) == (due_us, "RUNNING")
    assert change.after.due_us == due_us + 4 * SECOND_US
    assert change.transition.attempt == change.after.attempts[-1]


async def test_every_attempt_is_told(bench: Bench, told: Told) -> None:
    await bench.start("a", retries=1)
    await bench.end("a", FAILED)
    await bench.advance(1)
    await bench.run("a", Failed("NO_PAPER", ""))

    assert told.words == ["a accepted", "a RUNNING", "a RETRYING", "a RUNNING", "a FAILED"]


async def test_tasks_that_waited_too_long_are_told(bench: Bench, told: Told) -> None:
    await bench.start("busy")
    await bench.put("late", start_timeout_us=SECOND_US)
    await bench.advance(2)

    assert told.words[-1] == "late CONTEXT_DEADLINE_REACHED"


async def test_a_waiting_task_that_is_cancelled_is_told_as_a_request_alone(bench: Bench, told: Told) -> None:
    await bench.start("busy")
    await bench.put("a")
    told.words.clear()

    await bench.manager.cancel_tasks(["a", "a", "unknown"])

    assert told.words == ["a dequeued"]


async def test_a_running_task_that_is_cancelled_is_told_by_request_and_by_end(
    bench: Bench, told: Told
) -> None:
    await bench.start("a")
    told.words.clear()

    await bench.manager.cancel_task("a")
    await bench.end("a", Stopped())

    assert told.words == ["a signalled", "a CANCELLED"]


async def test_nothing_is_told_that_is_not_stored(bench: Bench, told: Told) -> None:
    slow = Slow()
    bench.script.next("insert", Fail(), slow)
    with pytest.raises(StoreUnavailable):
        await bench.manager.register_task(spec("a"))
    call = bench.spawn(bench.manager.register_task(spec("b")))
    await soon(slow.entered.wait())
    meanwhile = list(told.words)

    slow.release.set()
    await soon(call)

    assert (meanwhile, told.words) == ([], ["b accepted"])


@DONE_OR_NOT
async def test_an_end_whose_outcome_is_unknown_is_told_once(bench: Bench, told: Told, done: bool) -> None:
    await bench.start("a")
    bench.script.next("apply", Unknown(done=done))

    bench.threads.finish(bench.key("a"), succeeded())
    await bench.advance(0.5)

    assert told.words == ["a accepted", "a RUNNING", "a COMPLETED"]


@DONE_OR_NOT
async def test_a_wait_that_was_too_long_is_told_once_though_its_outcome_is_unknown(
    bench: Bench, told: Told, done: bool
) -> None:
    await bench.start("busy")
    await bench.put("late", start_timeout_us=SECOND_US)
    bench.script.next("apply", Unknown(done=done))

    await bench.advance(2)

    assert told.words.count("late CONTEXT_DEADLINE_REACHED") == 1


@DONE_OR_NOT
async def test_a_registration_whose_outcome_is_unknown_is_told_once(
    bench: Bench, told: Told, done: bool
) -> None:
    bench.script.next("insert", Unknown(done=done))
    call = bench.spawn(bench.manager.register_task(spec("a")))
    await bench.advance(0.1)
    await soon(call)

    assert told.words == ["a accepted"]


async def test_a_late_outcome_that_changes_nothing_is_not_told(open_bench: OpenBench, told: Told) -> None:
    bench = await open_bench(observers=[told])
    await bench.start("a", retries=0, timeout_us=SECOND_US)
    await bench.advance(1.1)
    told.words.clear()

    await bench.end("a", succeeded())

    assert told.words == []


async def test_an_outcome_that_a_newer_attempt_has_fenced_off_is_not_told(bench: Bench, told: Told) -> None:
    key = await bench.start("a")
    row = await bench.task("a")
    taken_away = transition.interrupted(key, ended(row, handler_failed()), NOTHING_REPORTED)
    await bench.memory.apply([taken_away])
    told.words.clear()

    await bench.end("a", succeeded())

    assert told.words == []


async def test_an_observer_that_fails_is_logged_and_stops_nobody(
    open_bench: OpenBench, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    bench = await open_bench(observers=[Broken(), told])
    await bench.put("a")
    task = await bench.run("a")

    assert task.is_final
    assert told.words == ["a accepted", "a RUNNING", "a COMPLETED"]
    faults = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in faults] == ["an observer failed: Broken"] * 3
