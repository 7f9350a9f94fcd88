"""What a transition leaves in the row that is held by its guard, beside the status."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.fakes.tasks import OWNER, ended, handler_failed, new_task

from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Owner, Progress, Task
from millhand_server.core.transition import (
    NOTHING_REPORTED,
    Reported,
    apply_to,
    claimed,
    completed,
    retrying,
    returned,
    started,
)
from millhand_server.store.acceptance import first_row

OTHER = Owner("node-2", 2)


@pytest.fixture
def held() -> Task:
    return claimed(first_row(new_task("a"), sequence=1, now_us=1), OWNER)


@pytest.fixture
def retried(held: Task) -> Task:
    told = Reported(Progress(0.5, "half", 15), b"place", 16)
    attempt = ended(held, handler_failed())
    return apply_to(held, retrying(held.key, attempt, told, delay_us=5, uses_retry=True), now_us=20)


def test_an_attempt_that_was_stored_at_its_end_leaves_where_and_when_it_began(held: Task) -> None:
    row = apply_to(held, completed(held.key, ended(held), b"out", NOTHING_REPORTED), now_us=30)

    assert (row.node, row.worker, row.start_us) == (OWNER.node, "w-1", 10)
    assert (row.status, row.owner, row.output, row.complete_us) == (TaskStatus.COMPLETED, None, b"out", 30)


def test_a_claim_that_was_given_back_leaves_the_last_attempt_s_node(retried: Task) -> None:
    held = claimed(retried, OTHER)

    row = apply_to(held, returned(held.key), now_us=30)

    assert (row.node, row.worker, row.start_us) == (OWNER.node, "w-1", 10)
    assert (row.attempt, row.attempts, row.status) == (1, retried.attempts, TaskStatus.RETRYING)


def test_a_start_leaves_its_own_node(retried: Task) -> None:
    held = claimed(retried, OTHER)

    row = apply_to(held, started(held.key, at_us=40, worker="w-9"), now_us=41)

    assert (row.node, row.worker, row.start_us) == (OTHER.node, "w-9", 40)


def test_what_an_attempt_told_stays_until_a_later_one_tells_something_else(retried: Task) -> None:
    held = claimed(retried, OTHER)
    later = Reported(Progress(0.7, "more", 50))

    silent = apply_to(held, completed(held.key, ended(held), b"", NOTHING_REPORTED), now_us=60)
    row = apply_to(held, completed(held.key, ended(held), b"", later), now_us=60)

    assert replace(silent, revision=0, progress=None) == replace(row, revision=0, progress=None)
    assert (silent.progress, row.progress) == (retried.progress, later.progress)
    assert (row.last_heartbeat, row.heartbeat_us) == (b"place", 16)


def test_a_retry_is_due_after_its_delay_and_counted(retried: Task) -> None:
    assert (retried.due_us, retried.retries_used, retried.error) == (25, 1, None)
