from __future__ import annotations

import random

import pytest
from tests.engine.bench import FAILED, SEED, STEADY, Bench, succeeded

from millhand_server.core.execution import Failed
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US, RetryPolicy


async def delay_of(bench: Bench, task_id: str) -> float:
    """Returns how many seconds a task waits for its next attempt, from now."""
    return ((await bench.task(task_id)).due_us - bench.clock.now_us()) / SECOND_US


async def test_a_failed_attempt_is_tried_again_after_delays_that_grow(bench: Bench) -> None:
    await bench.put("a", retries=3)
    delays: list[float] = []

    for _ in range(3):
        assert (await bench.run("a", FAILED)).status is TaskStatus.RETRYING
        delays.append(await delay_of(bench, "a"))
        await bench.advance(delays[-1])
    last = await bench.run("a", FAILED)

    assert delays == [1, 2, 4]
    assert (last.status, last.attempt, last.retries_used) == (TaskStatus.FAILED, 4, 3)
    assert bench.granted == ["a"] * 4
    assert await bench.results() == ["a"]


async def test_a_retry_waits_for_its_time_and_frees_its_worker_meanwhile(bench: Bench) -> None:
    await bench.put("a", "b")

    await bench.run("a", FAILED)
    granted_at_once = bench.granted
    await bench.run("b")
    await bench.advance(0.9)
    granted_early = bench.granted
    await bench.advance(0.1)

    assert granted_at_once == granted_early == ["a", "b"]
    assert bench.granted == ["a", "b", "a"]


async def test_a_task_that_succeeds_in_the_end_keeps_its_failed_attempts(bench: Bench) -> None:
    await bench.put("a")
    await bench.run("a", Failed("BUSY", "later", from_handler=True))
    await bench.advance(1)

    task = await bench.run("a", succeeded(b"42"))

    assert (task.status, task.output, task.error) == (TaskStatus.COMPLETED, b"42", None)
    assert [attempt.error and (attempt.error.domain, attempt.error.reason) for attempt in task.attempts] == [
        ("handler", "BUSY"),
        None,
    ]


async def test_delays_stop_growing_at_their_limit(bench: Bench) -> None:
    policy = RetryPolicy(backoff=10, max_delay_us=5 * SECOND_US, jitter=0.0)
    await bench.put("a", retries=3, retry_policy=policy)
    delays: list[float] = []

    for _ in range(3):
        await bench.run("a", FAILED)
        delays.append(await delay_of(bench, "a"))
        await bench.advance(delays[-1])

    assert delays == [1, 5, 5]


async def test_delays_are_spread_by_jitter(bench: Bench) -> None:
    await bench.put("a", retry_policy=RetryPolicy(jitter=0.5))
    spread = 0.5 * random.Random(SEED).uniform(-1, 1)

    await bench.run("a", FAILED)

    assert await delay_of(bench, "a") == pytest.approx(1 + spread)
    assert spread != 0


async def test_a_task_without_retries_fails_at_once(bench: Bench) -> None:
    await bench.put("a", retries=0)

    task = await bench.run("a", FAILED)

    assert (task.status, len(task.attempts)) == (TaskStatus.FAILED, 1)


async def test_retry_after_uses_no_retry(bench: Bench) -> None:
    await bench.put("a", retries=0)

    for _ in range(3):
        postponed = await bench.run("a", Failed("HANDLER_FAILED", "", retry_after_us=7 * SECOND_US))
        assert (postponed.status, postponed.retries_used) == (TaskStatus.RETRYING, 0)
        assert await delay_of(bench, "a") == 7
        await bench.advance(7)
    task = await bench.run("a", succeeded())

    assert (task.status, task.attempt) == (TaskStatus.COMPLETED, 4)


async def test_a_fatal_failure_is_not_tried_again(bench: Bench) -> None:
    await bench.put("a", retries=3)

    task = await bench.run("a", Failed("BAD_IMAGE", "not an image", from_handler=True, fatal=True))

    assert (task.status, task.attempt) == (TaskStatus.FAILED, 1)
    assert task.error is not None
    assert (task.error.domain, task.error.reason, task.error.message) == (
        "handler",
        "BAD_IMAGE",
        "not an image",
    )


async def test_reasons_that_the_task_names_are_not_tried_again(bench: Bench) -> None:
    policy = RetryPolicy(jitter=0.0, non_retryable_reasons=("BAD_IMAGE",))
    await bench.put("a", retries=3, retry_policy=policy)

    first = await bench.run("a", Failed("BUSY", "", from_handler=True))
    await bench.advance(1)
    second = await bench.run("a", Failed("BAD_IMAGE", "", from_handler=True))

    assert (first.status, second.status) == (TaskStatus.RETRYING, TaskStatus.FAILED)


async def test_a_task_remembers_its_last_twenty_attempts(bench: Bench) -> None:
    await bench.put("a", retries=24, retry_delay_us=0, retry_policy=STEADY)
    for _ in range(24):
        await bench.run("a", FAILED)

    task = await bench.run("a")

    assert [attempt.number for attempt in task.attempts] == list(range(6, 26))


async def test_an_attempt_tells_where_and_when_it_ran(bench: Bench) -> None:
    await bench.start("a")
    start_us = bench.clock.now_us()
    await bench.advance(2)

    task = await bench.end("a")

    [attempt] = task.attempts
    assert (attempt.node, attempt.worker) == ("node-1", "hand")
    assert (attempt.start_us, attempt.end_us) == (start_us, start_us + 2 * SECOND_US)
    assert (task.start_us, task.complete_us) == (start_us, start_us + 2 * SECOND_US)
