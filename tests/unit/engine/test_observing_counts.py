from __future__ import annotations

from tests.unit.engine import changes

from millhand_server.core.ports import Change
from millhand_server.core.status import FINAL, TaskStatus
from millhand_server.engine.observing_counts import OTHER, PairCounts, TaskCounts


def test_registered_tasks_are_counted_by_queue_and_handler() -> None:
    counts = TaskCounts()

    counts.accepted([changes.waiting("a"), changes.waiting("b", queue="q"), changes.waiting("c")])

    assert {pair: numbers.accepted for pair, numbers in counts} == {
        OTHER: 0,
        ("default", "echo"): 2,
        ("q", "echo"): 1,
    }


def test_an_attempt_counts_how_long_it_waited_and_ran() -> None:
    numbers = _after(changes.completed())

    assert (numbers.waits.count(), numbers.waits.total) == (1, 250_000)
    run = numbers.runs[TaskStatus.COMPLETED]
    assert (run.count(), run.total) == (1, 3_000_000)
    assert numbers.ended(TaskStatus.COMPLETED) == 1


def test_a_start_alone_counts_nothing() -> None:
    numbers = _after(changes.started(), changes.returned())

    assert (numbers.waits.count(), numbers.runs) == (0, {})


def test_an_attempt_that_is_not_the_last_ends_no_task() -> None:
    numbers = _after(changes.retrying(), changes.interrupted(), changes.failed())

    assert {status: run.count() for status, run in numbers.runs.items()} == {
        TaskStatus.RETRYING: 1,
        TaskStatus.QUEUED: 1,
        TaskStatus.FAILED: 1,
    }
    assert {status for status in FINAL if numbers.ended(status)} == {TaskStatus.FAILED}


def test_a_wait_for_another_attempt_is_counted_from_when_that_was_due() -> None:
    first = changes.retrying()

    numbers = _after(first)

    assert first.after.due_us > first.before.due_us
    assert numbers.waits.total == 250_000


def test_tasks_that_end_without_an_attempt_are_counted() -> None:
    counts = TaskCounts()
    counts.changed([changes.overdue()])
    counts.cancelled([changes.dequeued(), changes.signalled()])

    numbers = dict(counts)["default", "echo"]
    assert numbers.ended(TaskStatus.CONTEXT_DEADLINE_REACHED) == 1
    assert numbers.ended(TaskStatus.CANCELLED) == 1
    assert numbers.waits.count() == 0


def test_a_task_that_was_cancelled_while_it_ran_is_counted_at_its_end() -> None:
    counts = TaskCounts()
    counts.cancelled([changes.signalled()])
    counts.changed([changes.stopped()])

    assert dict(counts)["default", "echo"].ended(TaskStatus.CANCELLED) == 1


def test_pairs_beyond_the_cap_are_counted_together() -> None:
    counts = TaskCounts(max_pairs=2)

    counts.accepted([changes.waiting(queue=f"q{number}") for number in range(1_000)])

    assert {pair: numbers.accepted for pair, numbers in counts} == {
        ("q0", "echo"): 1,
        ("q1", "echo"): 1,
        OTHER: 998,
    }


def test_pairs_known_from_the_start_have_a_place_of_their_own() -> None:
    counts = TaskCounts([("mine", "echo")], max_pairs=1)

    counts.accepted([changes.waiting(queue=queue) for queue in ("junk", "more junk", "mine")])

    assert {pair: numbers.accepted for pair, numbers in counts} == {
        ("mine", "echo"): 1,
        ("junk", "echo"): 1,
        OTHER: 1,
    }


def _after(*told: Change) -> PairCounts:
    counts = TaskCounts()
    counts.changed(told)
    return dict(counts).get(("default", "echo"), PairCounts())
