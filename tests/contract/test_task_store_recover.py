from __future__ import annotations

import pytest
from tests.contract.steps import change, claim, ids, log_ids, put, read, start
from tests.fakes.tasks import ended, handler_failed, new_task

from millhand_server.core.losses import FATAL_LOSSES, MOST_LOSSES, SUSPECT_AFTER
from millhand_server.core.ports import Applied, Recovered, TaskStore
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Owner, Task, TaskError
from millhand_server.core.transition import NOTHING_REPORTED, cancelled_error, completed, started
from millhand_server.testing.clock import FakeClock

LATER = Owner("node-1", 2)


async def recover(store: TaskStore, owner: Owner = LATER) -> list[Task]:
    """Takes everything back."""
    tasks: list[Task] = []
    while True:
        page = await store.recover(owner, limit=100)
        tasks += page.tasks
        if not page.more:
            return tasks


def _reason(error: TaskError | None) -> str:
    return "" if error is None else error.reason


async def test_a_task_whose_code_had_begun_runs_again_and_uses_no_retry(
    store: TaskStore, clock: FakeClock
) -> None:
    await put(store, new_task("a"))
    task = await start(store)
    clock.advance(3)

    [row] = await recover(store)
    [again] = await claim(store, owner=LATER)

    assert (row.status, row.owner, row.due_us) == (TaskStatus.QUEUED, None, task.due_us)
    assert (row.retries_used, row.losses, row.error) == (0, 1, None)
    assert (again.attempt, again.key.epoch) == (task.attempt + 1, LATER.epoch)
    [attempt] = row.attempts
    assert (attempt.number, attempt.node, attempt.worker) == (1, "node-1", "w-1")
    assert (attempt.start_us, attempt.end_us) == (10, clock.now_us())
    assert _reason(attempt.error) == "WORKER_LOST"


async def test_a_task_whose_code_had_not_begun_goes_back_to_its_place(store: TaskStore) -> None:
    await put(store, new_task("a"), new_task("b"))
    await claim(store, limit=1)

    [row] = await recover(store)

    # A loss all the same: a quick attempt may have taken its process with it before its start was stored.
    assert (row.status, row.attempt, row.losses, row.attempts) == (TaskStatus.QUEUED, 0, 1, ())
    assert ids(await claim(store)) == ["a", "b"]


async def test_a_suspect_that_had_not_begun_is_not_to_blame(store: TaskStore) -> None:
    await put(store, new_task("a"))

    losses: list[int] = []
    for n in range(MOST_LOSSES + 1):
        await claim(store)
        [row] = await recover(store, Owner("node-1", 10 + n))
        losses.append(row.losses)

    assert losses == [1] + [SUSPECT_AFTER] * MOST_LOSSES


async def test_what_the_asking_owner_holds_is_left_alone(store: TaskStore) -> None:
    await put(store, new_task("a"), new_task("b"))
    await claim(store, limit=1, owner=Owner("node-1", 1))
    [mine] = await claim(store, limit=1, owner=LATER)

    assert ids(await recover(store)) == ["a"]
    assert await read(store, "b") == [mine]


async def test_waiting_and_final_tasks_are_left_alone(store: TaskStore) -> None:
    await put(store, new_task("final"), new_task("waiting"))
    task = await start(store)
    await change(store, completed(task.key, ended(task), b"out", NOTHING_REPORTED))
    before = await read(store, "final", "waiting")

    assert await recover(store) == []
    assert await read(store, "final", "waiting") == before


@pytest.mark.parametrize("began", [True, False], ids=["running", "claimed"])
async def test_a_request_to_cancel_outlives_the_node(store: TaskStore, began: bool) -> None:
    await put(store, new_task("a"))
    [task] = await claim(store)
    if began:
        await change(store, started(task.key, at_us=1, worker="w"))
    await store.cancel(["a"], "enough")

    [row] = await recover(store)

    assert (row.status, row.error) == (TaskStatus.CANCELLED, cancelled_error("enough"))
    assert await log_ids(store) == ["a"]
    assert await claim(store) == []


async def test_a_task_that_was_lost_keeps_its_place(store: TaskStore, clock: FakeClock) -> None:
    await put(store, new_task("a"))
    await start(store)
    clock.advance(3)
    await put(store, new_task("b"))

    await recover(store)

    assert ids(await claim(store)) == ["a", "b"]


async def test_losses_at_the_same_point_of_the_run_fail_the_task(store: TaskStore) -> None:
    await put(store, new_task("a"))

    statuses: list[TaskStatus] = []
    for n in range(FATAL_LOSSES):
        await start(store)
        [row] = await recover(store, Owner("node-1", 10 + n))
        statuses.append(row.status)

    [row] = await read(store, "a")
    assert statuses == [TaskStatus.QUEUED] * (FATAL_LOSSES - 1) + [TaskStatus.FAILED]
    assert (row.losses, _reason(row.error)) == (FATAL_LOSSES, "WORKER_LOST")
    assert await log_ids(store) == ["a"]


async def test_tasks_are_taken_back_in_small_steps_and_each_once(store: TaskStore) -> None:
    await put(store, *(new_task(f"t{n}") for n in range(5)))
    await claim(store)

    pages = [await store.recover(LATER, limit=2) for _ in range(4)]

    assert [(ids(page.tasks), page.more) for page in pages] == [
        (["t0", "t1"], True),
        (["t2", "t3"], True),
        (["t4"], False),
        ([], False),
    ]
    assert await recover(store) == []


async def test_the_lost_attempt_is_fenced_off(store: TaskStore) -> None:
    await put(store, new_task("a"), new_task("b"))
    late = await start(store)
    [unstarted] = await claim(store)
    rows = {row.id: row for row in await recover(store)}

    results = await store.apply(
        [
            completed(late.key, ended(late), b"late", NOTHING_REPORTED),
            completed(unstarted.key, ended(unstarted, handler_failed()), b"late", NOTHING_REPORTED),
        ]
    )

    assert results == [Applied(rows["a"], changed=False), Applied(rows["b"], changed=False)]


async def test_there_is_nothing_to_take_back_in_an_empty_store(store: TaskStore) -> None:
    assert await store.recover(LATER, limit=10) == Recovered((), more=False)
