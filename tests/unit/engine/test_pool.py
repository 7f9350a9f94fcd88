from __future__ import annotations

import pytest

from millhand_server.core.execution import Grant, Isolation
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import AttemptKey, Owner, Task, TaskSpec
from millhand_server.engine.attempts import LiveAttempt
from millhand_server.engine.pool import Pool
from millhand_server.testing.clock import FakeClock
from millhand_server.testing.executor import HandDrivenExecutor

MS = 1_000


def pool_of(workers: int, isolation: Isolation = Isolation.THREAD, claim_ahead_us: int = 50 * MS) -> Pool:
    executor = HandDrivenExecutor(FakeClock(), isolation)
    executor.start(lambda _: None, workers=workers)
    return Pool(executor, workers=workers, claim_ahead_us=claim_ahead_us)


def fill(pool: Pool, grants: int, handler: str = "echo") -> None:
    pool.submit([Grant(key=AttemptKey(f"t{number}", 1, 1), handler=handler) for number in range(grants)])


def attempt(handler: str = "echo", *, started_us: int | None = None) -> LiveAttempt:
    task = Task(
        spec=TaskSpec(id="t", handler=handler),
        sequence=1,
        status=TaskStatus.RUNNING,
        queue="default",
        priority=0,
        create_us=0,
        due_us=0,
        owner=Owner("n", 1),
        attempt=1,
    )
    live = LiveAttempt(task, task.key, Isolation.THREAD, timeout_us=0, granted_mono_us=0)
    live.started_mono_us = started_us
    return live


def measured(pool: Pool, took_us: int, handler: str = "echo") -> Pool:
    """Lets one attempt of the handler come and go."""
    fill(pool, 1, handler)
    pool.give_back(attempt(handler, started_us=0), took_us)
    return pool


def test_places_are_free_until_each_worker_has_a_grant() -> None:
    pool = pool_of(3)

    fill(pool, 2)
    before = (pool.busy, pool.free)
    fill(pool, 5)

    assert before == (2, 1)
    assert (pool.busy, pool.free) == (3, 0)


def test_a_place_is_free_again_when_an_attempt_is_over_or_was_returned() -> None:
    pool = pool_of(2)
    fill(pool, 2)

    pool.give_back(attempt(started_us=0), 5)
    pool.give_back(attempt(started_us=None), 5)

    assert pool.free == 2


@pytest.mark.parametrize(
    ("workers", "took_us", "ahead"),
    [
        pytest.param(4, 10 * MS, 20, id="five starts of each worker within 50 ms"),
        pytest.param(4, 25 * MS, 8, id="two of each, the least worth while"),
        pytest.param(4, 26 * MS, 0, id="not even two of each"),
        pytest.param(4, 3_600_000 * MS, 0, id="slow"),
        pytest.param(4, 10, 256, id="however quick, no more than 256"),
        pytest.param(1, 0, 256, id="too quick to measure"),
    ],
)
def test_claims_reach_as_far_ahead_as_would_start_within_their_reach(
    workers: int, took_us: int, ahead: int
) -> None:
    pool = measured(pool_of(workers), took_us)

    fill(pool, workers)

    assert pool.ahead(["echo"]) == ahead


def test_what_waits_already_counts_against_the_reach() -> None:
    pool = measured(pool_of(4), 10 * MS)
    fill(pool, 4)

    fill(pool, 15)
    with_fifteen = pool.ahead(["echo"])
    fill(pool, 10)

    assert with_fifteen == 5
    assert pool.ahead(["echo"]) == 0


def test_as_many_may_wait_whether_a_worker_is_free_or_not() -> None:
    pool = measured(pool_of(4), 10 * MS)

    fill(pool, 3)

    assert pool.free == 1
    assert pool.ahead(["echo"]) == 20


def test_nothing_is_claimed_ahead_of_a_handler_whose_duration_is_unknown() -> None:
    pool = measured(pool_of(1), 1 * MS)
    fill(pool, 1)

    assert pool.ahead(["echo", "new"]) == 0


def test_the_slowest_handler_decides_how_far_claims_reach() -> None:
    pool = measured(measured(pool_of(1), 1 * MS), 10 * MS, "slow")
    fill(pool, 1)

    assert pool.ahead(["echo"]) == 50
    assert pool.ahead(["echo", "slow"]) == 5


def test_the_handlers_that_run_or_wait_already_count_as_well() -> None:
    pool = measured(measured(pool_of(2), 1 * MS), 10 * MS, "slow")

    fill(pool, 1)
    fill(pool, 1, "slow")

    assert pool.ahead(["echo"]) == 10


def test_after_a_grant_came_back_nothing_is_claimed_ahead_until_an_attempt_ends() -> None:
    pool = measured(pool_of(1), 10 * MS)
    fill(pool, 2)

    pool.give_back(attempt(started_us=None), 0)
    after_the_return = pool.ahead(["echo"])
    pool.give_back(attempt(started_us=0), 10 * MS)
    fill(pool, 1)

    assert after_the_return == 0
    assert pool.ahead(["echo"]) == 5


@pytest.mark.parametrize(
    "pool",
    [
        pytest.param(pool_of(4, Isolation.ASYNC), id="a loop, which does not queue"),
        pytest.param(pool_of(4, claim_ahead_us=0), id="no reach"),
        pytest.param(pool_of(0), id="no workers"),
    ],
)
def test_some_pools_never_claim_ahead(pool: Pool) -> None:
    measured(pool, 1 * MS)
    fill(pool, pool.workers)

    assert pool.ahead(["echo"]) == 0


def test_the_duration_of_a_handler_is_a_moving_average() -> None:
    pool = measured(pool_of(1), 10 * MS)

    measured(pool, 20 * MS)

    assert pool.mean_us("echo") == pytest.approx(11 * MS)
    assert pool.mean_us("other") is None


def test_an_attempt_that_never_began_says_nothing_about_durations() -> None:
    pool = pool_of(1)
    fill(pool, 1)

    pool.give_back(attempt(started_us=None), 1_000_000)

    assert pool.mean_us("echo") is None


def test_a_smaller_pool_has_no_free_place_until_enough_attempts_are_over() -> None:
    pool = pool_of(3)
    fill(pool, 3)

    pool.resize(1)

    assert (pool.busy, pool.free) == (1, 0)
    pool.give_back(attempt(started_us=0), 1)
    pool.give_back(attempt(started_us=0), 1)
    assert pool.free == 0
    pool.give_back(attempt(started_us=0), 1)
    assert pool.free == 1
