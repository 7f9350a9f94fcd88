from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.contract.steps import change, claim, complete, log_ids, put, read, start
from tests.fakes.tasks import ended, handler_failed, new_task

from millhand_server.core.ports import Applied, CancelMark, TaskStore
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US, AttemptKey, Owner, Progress, Task
from millhand_server.core.transition import (
    NOTHING_REPORTED,
    Reported,
    Transition,
    cancelled,
    cancelled_error,
    completed,
    dropped,
    failed,
    interrupted,
    overdue,
    overdue_claimed,
    retrying,
    returned,
    started,
    timed_out,
    timeout_error,
)
from millhand_server.testing.clock import FakeClock

ERROR = handler_failed()


async def test_a_started_task_runs(store: TaskStore) -> None:
    await put(store, new_task("a"))
    [task] = await claim(store)

    row = await change(store, started(task.key, at_us=77, worker="w-3"))

    assert (row.status, row.start_us, row.worker) == (TaskStatus.RUNNING, 77, "w-3")
    assert await read(store, "a") == [row]


async def test_a_completed_task_is_final_with_its_output_and_all_it_told(
    store: TaskStore, clock: FakeClock
) -> None:
    await put(store, new_task("a"))
    task = await start(store)
    told = Reported(Progress(1.0, "done", 5), b"beat", 6)

    row = await change(store, completed(task.key, ended(task), b"out", told))

    assert (row.status, row.output, row.complete_us) == (TaskStatus.COMPLETED, b"out", clock.now_us())
    assert (row.progress, row.last_heartbeat, row.heartbeat_us) == (told.progress, b"beat", 6)
    assert (row.owner, row.error, row.attempts) == (None, None, (ended(task),))


async def test_an_attempt_may_be_stored_in_one_step_with_its_start(store: TaskStore) -> None:
    await put(store, new_task("a"))
    [task] = await claim(store)

    row = await complete(store, task, b"out")

    assert (row.status, row.start_us, row.worker) == (TaskStatus.COMPLETED, 10, "w-1")


@pytest.mark.parametrize(
    ("end", "status"),
    [
        pytest.param(failed, TaskStatus.FAILED, id="failed"),
        pytest.param(cancelled, TaskStatus.CANCELLED, id="cancelled"),
        pytest.param(timed_out, TaskStatus.CONTEXT_DEADLINE_REACHED, id="timed out"),
    ],
)
async def test_an_attempt_that_ends_the_task_leaves_its_error(
    store: TaskStore, end: Callable[..., Transition], status: TaskStatus
) -> None:
    await put(store, new_task("a"))
    task = await start(store)

    row = await change(store, end(task.key, ended(task, ERROR), NOTHING_REPORTED))

    assert (row.status, row.error, row.owner) == (status, ERROR, None)


async def test_a_retry_waits_out_its_delay_and_raises_the_attempt(store: TaskStore, clock: FakeClock) -> None:
    await put(store, new_task("a"))
    task = await start(store)

    row = await change(
        store,
        retrying(task.key, ended(task, ERROR), NOTHING_REPORTED, delay_us=SECOND_US, uses_retry=True),
    )
    before = await claim(store)
    clock.advance(1)
    [again] = await claim(store)

    assert (row.status, row.retries_used, row.error) == (TaskStatus.RETRYING, 1, None)
    assert before == []
    assert (again.attempt, again.attempts) == (2, (ended(task, ERROR),))


async def test_an_interrupted_attempt_runs_again_in_its_place_and_uses_no_retry(
    store: TaskStore, clock: FakeClock
) -> None:
    await put(store, new_task("a", start_timeout_us=SECOND_US))
    task = await start(store)
    clock.advance(3)
    await put(store, new_task("b"))

    row = await change(store, interrupted(task.key, ended(task, ERROR), NOTHING_REPORTED))

    # Its start timeout was over with its first start.
    assert (row.status, row.retries_used, row.start_by_us) == (TaskStatus.QUEUED, 0, None)
    assert [(task.id, task.attempt) for task in await claim(store)] == [("a", 2), ("b", 1)]


async def test_retries_and_returns_never_meet_fullness(store: TaskStore) -> None:
    await put(store, new_task("a"))
    task = await start(store)
    await store.insert([new_task("b")], atomic=True, max_waiting=1)

    row = await change(
        store, retrying(task.key, ended(task, ERROR), NOTHING_REPORTED, delay_us=0, uses_retry=True)
    )

    assert row.status is TaskStatus.RETRYING


async def test_a_waiting_or_claimed_task_that_waited_too_long_ends_without_an_attempt(
    store: TaskStore,
) -> None:
    await put(store, new_task("claimed"), new_task("waiting"))
    [task] = await claim(store, limit=1)
    error = timeout_error("start", "too long")

    rows = [
        await change(store, overdue_claimed(task.key, error)),
        await change(store, overdue("waiting", error)),
    ]

    assert {row.status for row in rows} == {TaskStatus.CONTEXT_DEADLINE_REACHED}
    assert [(row.attempt, row.error) for row in rows] == [(0, error), (0, error)]


async def test_overdue_does_not_end_a_task_that_was_claimed_meanwhile(store: TaskStore) -> None:
    await put(store, new_task("a"))
    [task] = await claim(store)

    assert await store.apply([overdue("a", ERROR)]) == [Applied(task, changed=False)]


async def test_a_transition_of_an_unknown_task_changes_nothing(store: TaskStore) -> None:
    assert await store.apply([overdue("nobody", ERROR)]) == [Applied(None, changed=False)]


async def test_one_guard_that_does_not_hold_leaves_the_rest_of_the_batch_alone(store: TaskStore) -> None:
    await put(store, new_task("a"), new_task("b"), new_task("c"))
    a, b, c = await claim(store)

    results = await store.apply(
        [
            started(a.key, at_us=1, worker="w"),
            started(AttemptKey("b", b.attempt, 99), at_us=1, worker="w"),
            started(c.key, at_us=1, worker="w"),
        ]
    )

    assert [(result.task and result.task.id, result.changed) for result in results] == [
        ("a", True),
        ("b", False),
        ("c", True),
    ]


async def test_transitions_of_one_task_in_a_batch_follow_each_other(store: TaskStore) -> None:
    await put(store, new_task("a"))
    [task] = await claim(store)

    results = await store.apply(
        [
            started(task.key, at_us=1, worker="w"),
            completed(task.key, ended(task), b"first", NOTHING_REPORTED),
            completed(task.key, ended(task), b"second", NOTHING_REPORTED),
        ]
    )

    assert [result.changed for result in results] == [True, True, False]
    assert [row.output for row in await read(store, "a")] == [b"first"]
    assert await log_ids(store) == ["a"]


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda task: failed(task.key, ended(task, ERROR), NOTHING_REPORTED), id="failed"),
        pytest.param(lambda task: completed(task.key, ended(task), b"", NOTHING_REPORTED), id="completed"),
        pytest.param(
            lambda task: retrying(
                task.key, ended(task, ERROR), NOTHING_REPORTED, delay_us=0, uses_retry=True
            ),
            id="retrying",
        ),
        pytest.param(lambda task: returned(task.key), id="returned"),
        pytest.param(lambda task: dropped(task.key, ERROR), id="dropped"),
    ],
)
async def test_a_late_attempt_cannot_touch_a_newer_one(
    store: TaskStore, end: Callable[[Task], Transition]
) -> None:
    await put(store, new_task("a"))
    late = await start(store)
    await change(store, interrupted(late.key, ended(late, ERROR), NOTHING_REPORTED))
    [newer] = await claim(store)

    [applied] = await store.apply([end(late)])

    assert applied == Applied(newer, changed=False)


async def test_the_same_attempt_number_of_another_incarnation_is_fenced_off(store: TaskStore) -> None:
    await put(store, new_task("a"))
    [old] = await claim(store, owner=Owner("node", 1))
    await change(store, returned(old.key))
    [new] = await claim(store, owner=Owner("node", 2))

    [applied] = await store.apply([started(old.key, at_us=1, worker="w")])

    assert old.attempt == new.attempt
    assert applied == Applied(new, changed=False)


async def test_an_attempt_whose_code_began_cannot_be_given_back(store: TaskStore) -> None:
    await put(store, new_task("a"))
    task = await start(store)

    results = await store.apply([returned(task.key), dropped(task.key, ERROR)])

    assert results == [Applied(task, changed=False)] * 2


async def test_every_change_raises_the_revision(store: TaskStore) -> None:
    [inserted] = await put(store, new_task("a"))
    [held] = await claim(store)
    running = await change(store, started(held.key, at_us=1, worker="w"))
    [mark] = await store.cancel(["a"], "")
    final = await complete(store, running)

    assert mark.task is not None
    revisions = [row.revision for row in (inserted, held, running, mark.task, final)]
    assert revisions == sorted(set(revisions))


async def test_cancelling_a_waiting_task_ends_it_at_once(store: TaskStore, clock: FakeClock) -> None:
    await put(store, new_task("a"), new_task("b", delay_us=SECOND_US))

    marks = await store.cancel(["a", "b"], "enough")

    rows = await read(store, "a", "b")
    assert marks == [CancelMark(row, dequeued=True) for row in rows]
    assert {row.status for row in rows} == {TaskStatus.CANCELLED}
    assert [row.error for row in rows] == [cancelled_error("enough")] * 2
    assert [row.cancel_us for row in rows] == [clock.now_us()] * 2
    assert await claim(store) == []


async def test_cancelling_a_held_task_marks_it_and_the_first_request_stands(
    store: TaskStore, clock: FakeClock
) -> None:
    await put(store, new_task("a"))
    await start(store)
    asked_us = clock.now_us()

    [mark] = await store.cancel(["a"], "first")
    clock.advance(1)
    await store.cancel(["a"], "second")

    [row] = await read(store, "a")
    assert mark.task is not None
    assert (mark.task.status, mark.dequeued, mark.already_final) == (TaskStatus.RUNNING, False, False)
    assert (row.cancel_us, row.cancel_reason) == (asked_us, "first")


async def test_cancelling_a_final_or_unknown_task_changes_nothing(store: TaskStore) -> None:
    await put(store, new_task("a"))
    final = await complete(store, await start(store))

    assert await store.cancel(["a", "nobody"], "late") == [
        CancelMark(final, already_final=True),
        CancelMark(None),
    ]


async def test_an_id_twice_in_one_request_to_cancel_is_final_the_second_time(store: TaskStore) -> None:
    await put(store, new_task("a"))

    marks = await store.cancel(["a", "a"], "")

    assert [(mark.dequeued, mark.already_final) for mark in marks] == [(True, False), (False, True)]
    assert await log_ids(store) == ["a"]


async def test_a_handler_that_returns_after_the_request_to_cancel_stays_completed(store: TaskStore) -> None:
    await put(store, new_task("a"))
    task = await start(store)
    await store.cancel(["a"], "")

    assert (await complete(store, task)).status is TaskStatus.COMPLETED


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda task: failed(task.key, ended(task, ERROR), NOTHING_REPORTED), id="failed"),
        pytest.param(lambda task: timed_out(task.key, ended(task, ERROR), NOTHING_REPORTED), id="timed out"),
        pytest.param(
            lambda task: interrupted(task.key, ended(task, ERROR), NOTHING_REPORTED), id="interrupted"
        ),
        pytest.param(
            lambda task: retrying(
                task.key, ended(task, ERROR), NOTHING_REPORTED, delay_us=0, uses_retry=True
            ),
            id="retrying",
        ),
    ],
)
async def test_an_error_retry_or_interruption_after_the_request_to_cancel_becomes_cancelled(
    store: TaskStore, end: Callable[[Task], Transition]
) -> None:
    await put(store, new_task("a"))
    task = await start(store)
    await store.cancel(["a"], "enough")

    row = await change(store, end(task))

    assert (row.status, row.error) == (TaskStatus.CANCELLED, cancelled_error("enough"))
    assert row.retries_used == 0
    assert await log_ids(store) == ["a"]
    assert await claim(store) == []


async def test_a_claim_given_back_after_the_request_to_cancel_becomes_cancelled(store: TaskStore) -> None:
    await put(store, new_task("a"), new_task("b"))
    a, b = await claim(store)
    await store.cancel(["a", "b"], "enough")

    rows = [
        await change(store, returned(a.key)),
        await change(store, dropped(b.key, cancelled_error("enough"))),
    ]

    assert [(row.status, row.error, row.attempt) for row in rows] == [
        (TaskStatus.CANCELLED, cancelled_error("enough"), 0)
    ] * 2
    assert await claim(store) == []


async def test_after_a_retry_the_request_to_cancel_finds_a_waiting_task(store: TaskStore) -> None:
    await put(store, new_task("a"))
    task = await start(store)
    await change(store, retrying(task.key, ended(task, ERROR), NOTHING_REPORTED, delay_us=0, uses_retry=True))

    [mark] = await store.cancel(["a"], "")

    assert mark.dequeued
    assert await claim(store) == []


async def test_only_the_last_twenty_attempts_are_remembered(store: TaskStore) -> None:
    await put(store, new_task("a"))
    for _ in range(25):
        task = await start(store)
        await change(store, interrupted(task.key, ended(task, ERROR), NOTHING_REPORTED))

    [row] = await read(store, "a")

    assert [attempt.number for attempt in row.attempts] == list(range(6, 26))
