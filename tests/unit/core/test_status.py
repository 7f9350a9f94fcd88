from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from tests.fakes.tasks import ended, handler_failed

from millhand.v1 import task_pb2
from millhand_server.core.status import DERIVED, FINAL, TRANSITIONS, WAITING, TaskStatus, shown
from millhand_server.core.task import AttemptKey, Owner, Task, TaskSpec
from millhand_server.core.transition import (
    NOTHING_REPORTED,
    Transition,
    apply_to,
    cancel_requested,
    cancelled,
    claimed,
    completed,
    dropped,
    expedited,
    failed,
    holds,
    interrupted,
    lost,
    overdue,
    overdue_claimed,
    retrying,
    returned,
    started,
    timed_out,
)

NOW_US = 1_000_000
OWNER = Owner("node", 1)
KEY = AttemptKey("a", 1, OWNER.epoch)
ERROR = handler_failed()
ATTEMPT = ended(KEY, ERROR)
HELD = Task(
    spec=TaskSpec(handler="echo", id="a"),
    sequence=1,
    status=TaskStatus.QUEUED,
    queue="default",
    priority=0,
    create_us=NOW_US,
    due_us=NOW_US,
    owner=OWNER,
    attempt=1,
)

#: Every constructor of a transition.
ALL: list[Transition] = [
    started(KEY, at_us=1, worker="w"),
    completed(KEY, ended(KEY), b"", NOTHING_REPORTED),
    failed(KEY, ATTEMPT, NOTHING_REPORTED),
    cancelled(KEY, ATTEMPT, NOTHING_REPORTED),
    timed_out(KEY, ATTEMPT, NOTHING_REPORTED),
    retrying(KEY, ATTEMPT, NOTHING_REPORTED, delay_us=1, uses_retry=True),
    interrupted(KEY, ATTEMPT, NOTHING_REPORTED),
    returned(KEY),
    dropped(KEY, ERROR),
    overdue("a", ERROR),
    overdue_claimed(KEY, ERROR),
    expedited("a"),
    lost(apply_to(HELD, started(KEY, at_us=1, worker="w"), now_us=NOW_US), seen_us=NOW_US),
]


def _rows() -> Iterator[Task]:
    """Makes a row in every unfinished state: waiting, claimed ahead, running; to be cancelled or not."""
    for status in (TaskStatus.SCHEDULED, TaskStatus.QUEUED, TaskStatus.RETRYING):
        row = Task(
            spec=TaskSpec(handler="echo", id="a"),
            sequence=1,
            status=status,
            queue="default",
            priority=0,
            create_us=NOW_US,
            due_us=NOW_US,
        )
        held = claimed(row, OWNER)
        running = apply_to(held, started(KEY, at_us=1, worker="w"), now_us=NOW_US)
        yield from (row, held, running)
        for owned in (held, running):
            yield cancel_requested(owned, "enough", now_us=NOW_US)


def _changes() -> set[tuple[TaskStatus, TaskStatus]]:
    changes: set[tuple[TaskStatus, TaskStatus]] = set()
    for row, transition in product(_rows(), ALL):
        if holds(transition, row):
            # An attempt that ended has run, also when its start was not stored before its end.
            before = row.status if transition.attempt is None else TaskStatus.RUNNING
            changes.add((before, apply_to(row, transition, now_us=NOW_US).status))
    for row in _rows():
        changes.add((row.status, cancel_requested(row, "enough", now_us=NOW_US).status))
    return {(before, after) for before, after in changes if before is not after}


def test_numbers_are_those_of_the_wire_contract() -> None:
    wire = {
        name.removeprefix("TASK_STATUS_"): number
        for name, number in task_pb2.TaskStatus.items()
        if number != 0
    }

    assert {status.name: status.value for status in TaskStatus} == wire


def test_every_status_waits_or_runs_or_is_final() -> None:
    assert WAITING | FINAL | {TaskStatus.RUNNING} == set(TaskStatus)
    assert not WAITING & FINAL


def test_final_statuses_never_change() -> None:
    assert {status for status, after in TRANSITIONS.items() if not after} == FINAL


def test_the_table_knows_every_status() -> None:
    assert set(TRANSITIONS) == set(TaskStatus)


def test_every_constructor_is_tried() -> None:
    import millhand_server.core.transition as module

    returning = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__annotations__", {}).get("return") == "Transition"
    }

    assert len(returning) == len(ALL)


@pytest.mark.parametrize("transition", ALL, ids=lambda t: f"{t.status and t.status.name} {t.release}")
def test_every_constructor_applies_to_some_row(transition: Transition) -> None:
    assert any(holds(transition, row) for row in _rows())


def test_no_transition_makes_a_change_that_the_table_does_not_have() -> None:
    legal = {(before, after) for before, targets in TRANSITIONS.items() for after in targets}

    assert _changes() <= legal


def test_every_change_of_the_table_is_made_or_derived() -> None:
    stored = _changes()

    missing = {
        (before, after)
        for before, targets in TRANSITIONS.items()
        for after in targets
        if (before, after) not in stored | DERIVED and before is not TaskStatus.RATE_LIMITED
    }

    assert missing == set()


def test_rate_limited_is_never_stored_and_leaves_as_queued_does() -> None:
    assert all(TaskStatus.RATE_LIMITED not in change for change in _changes())
    assert (
        TRANSITIONS[TaskStatus.RATE_LIMITED] - {TaskStatus.QUEUED}
        == TRANSITIONS[TaskStatus.QUEUED] - {TaskStatus.RATE_LIMITED}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("stored", "due_us", "expected"),
    [
        pytest.param(TaskStatus.SCHEDULED, NOW_US + 1, TaskStatus.SCHEDULED, id="scheduled, early"),
        pytest.param(TaskStatus.SCHEDULED, NOW_US, TaskStatus.QUEUED, id="scheduled, due"),
        pytest.param(TaskStatus.RETRYING, NOW_US + 1, TaskStatus.RETRYING, id="retrying, early"),
        pytest.param(TaskStatus.RETRYING, NOW_US, TaskStatus.QUEUED, id="retrying, due"),
        pytest.param(TaskStatus.RUNNING, NOW_US, TaskStatus.RUNNING, id="running"),
        pytest.param(TaskStatus.FAILED, NOW_US, TaskStatus.FAILED, id="final"),
    ],
)
def test_a_wait_for_time_is_shown_as_over_when_the_time_has_come(
    stored: TaskStatus, due_us: int, expected: TaskStatus
) -> None:
    assert shown(stored, due_us, NOW_US) is expected
