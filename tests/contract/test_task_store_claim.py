from __future__ import annotations

import asyncio

import pytest
from tests.contract.steps import change, claim, complete, ids, lane_of, put, read, start
from tests.fakes.tasks import ECHO, OWNER, ended, handler_failed, new_task

from millhand_server.core.ports import Claimed, LaneHead, TaskStore, Want
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US, AttemptKey, Lane, NewTask, Owner
from millhand_server.core.transition import (
    NOTHING_REPORTED,
    expedited,
    overdue,
    retrying,
    returned,
    timeout_error,
)
from millhand_server.testing.clock import FakeClock

SLEEP = Lane("default", "", "sleep")


async def test_whoever_wants_nothing_is_given_nothing(store: TaskStore) -> None:
    await put(store, new_task("a"))

    nothing = await store.claim([], limit=1, owner=OWNER)
    of_no_lane = await store.claim([Want((), 1)], limit=1, owner=OWNER)

    assert (nothing, of_no_lane) == (Claimed((), ()), Claimed((), ()))


async def test_claiming_gives_a_task_to_its_owner_and_leaves_its_status(store: TaskStore) -> None:
    [row] = await put(store, new_task("a"))

    [task] = await claim(store)

    assert (task.owner, task.attempt, task.status) == (OWNER, 1, TaskStatus.QUEUED)
    assert task.key == AttemptKey("a", 1, OWNER.epoch)
    assert task.revision > row.revision
    assert await read(store, "a") == [task]


async def test_two_claims_never_give_one_task_twice(store: TaskStore) -> None:
    await put(store, *(new_task(f"t{n}") for n in range(20)))

    batches = await asyncio.gather(*(claim(store, limit=6, owner=Owner(f"n{n}", n)) for n in range(5)))

    given = [task.id for batch in batches for task in batch]
    assert sorted(given) == sorted(f"t{n}" for n in range(20))


async def test_the_lowest_priority_starts_first_and_equal_ones_in_order_of_acceptance(
    store: TaskStore,
) -> None:
    await put(
        store,
        new_task("normal-1"),
        new_task("late", priority=5),
        new_task("urgent", priority=-5),
        new_task("normal-2"),
    )

    assert ids(await claim(store)) == ["urgent", "normal-1", "normal-2", "late"]


async def test_among_equal_priorities_what_was_due_first_starts_first(
    store: TaskStore, clock: FakeClock
) -> None:
    await put(store, new_task("second", delay_us=2 * SECOND_US), new_task("first", delay_us=SECOND_US))
    clock.advance(3)

    await put(store, new_task("third"))

    assert ids(await claim(store)) == ["first", "second", "third"]


async def test_a_task_is_claimed_when_it_is_due_and_not_before(store: TaskStore, clock: FakeClock) -> None:
    await put(store, new_task("a", delay_us=SECOND_US))

    before = await claim(store)
    clock.advance(1)

    assert (ids(before), ids(await claim(store))) == ([], ["a"])


async def test_queued_tasks_are_due_also_after_the_clock_was_set_back(
    store: TaskStore, clock: FakeClock
) -> None:
    await put(store, *(new_task(name) for name in ("running", "claimed", "waiting")))
    running = await start(store)
    [held] = await claim(store, limit=1)

    clock.jump(-3600)
    await change(store, returned(held.key))
    late = ended(running, handler_failed())
    await change(store, retrying(running.key, late, NOTHING_REPORTED, delay_us=SECOND_US, uses_retry=True))
    await put(store, new_task("later"))
    head = await lane_of(store)
    ahead = await store.ahead_of((await read(store, "waiting"))[0])
    clock.advance(1)

    assert head is not None
    assert head.head_id == "later"
    assert ahead == 2
    assert ids(await claim(store)) == ["later", "running", "claimed", "waiting"]


async def test_lanes_of_one_want_are_merged_by_urgency_within_its_limit(store: TaskStore) -> None:
    await put(
        store,
        new_task("e1", priority=1),
        new_task("s0", handler="sleep"),
        new_task("e2", priority=2),
        new_task("s3", handler="sleep", priority=3),
    )

    claimed = await store.claim([Want((ECHO, SLEEP), 3)], limit=10, owner=OWNER)

    assert ids(claimed.tasks) == ["s0", "e1", "e2"]


async def test_each_want_has_its_limit_and_the_call_one_over_all(store: TaskStore) -> None:
    await put(store, *(new_task(f"e{n}") for n in range(5)))
    await put(store, *(new_task(f"s{n}", handler="sleep") for n in range(5)))

    claimed = await store.claim([Want((ECHO,), 2), Want((SLEEP,), 4)], limit=5, owner=OWNER)

    assert ids(claimed.tasks) == ["e0", "e1", "s0", "s1", "s2"]


async def test_a_lane_named_twice_gives_each_task_once(store: TaskStore) -> None:
    await put(store, *(new_task(f"t{n}") for n in range(5)))

    claimed = await store.claim([Want((ECHO, ECHO), 1), Want((ECHO,), 3)], limit=10, owner=OWNER)

    assert ids(claimed.tasks) == ["t0", "t1", "t2", "t3"]
    assert [head.lane for head in claimed.lanes] == [ECHO]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(new_task("x", handler="sleep"), id="handler"),
        pytest.param(new_task("x", queue="other"), id="queue"),
        pytest.param(new_task("x", fairness_key="ann"), id="fairness key"),
    ],
)
async def test_a_lane_has_one_queue_fairness_key_and_handler(store: TaskStore, other: NewTask) -> None:
    await put(store, other)

    assert await claim(store, ECHO) == []


async def test_a_claim_tells_what_is_left_of_each_wanted_lane(store: TaskStore, clock: FakeClock) -> None:
    _, second, later = await put(
        store, new_task("a"), new_task("b", priority=3), new_task("c", delay_us=SECOND_US)
    )

    claimed = await store.claim([Want((ECHO, SLEEP), 1)], limit=1, owner=OWNER)

    assert claimed.lanes == (
        LaneHead(ECHO, "b", later.due_us, second.order_key()),
        LaneHead(SLEEP, None, None),
    )


async def test_lanes_lists_those_with_a_waiting_unclaimed_task(store: TaskStore) -> None:
    [row] = await put(store, new_task("a"))
    [later] = await put(store, new_task("b", handler="sleep", delay_us=SECOND_US))
    await put(store, new_task("c", queue="other"))
    await claim(store, Lane("other", "", "echo"))

    heads = await store.lanes()

    assert sorted(heads, key=lambda head: head.lane) == [
        LaneHead(ECHO, "a", None, row.order_key()),
        LaneHead(SLEEP, None, later.due_us),
    ]


async def test_a_returned_task_goes_back_to_its_place_as_if_never_claimed(store: TaskStore) -> None:
    await put(store, new_task("a"), new_task("b"), new_task("c"))
    first, _ = await claim(store, limit=2)

    row = await change(store, returned(first.key))

    assert (row.owner, row.attempt, row.status) == (None, 0, TaskStatus.QUEUED)
    assert ids(await claim(store)) == ["a", "c"]


async def test_an_expedited_task_starts_before_all_others_of_its_lane(
    store: TaskStore, clock: FakeClock
) -> None:
    await put(store, new_task("urgent", priority=-100), new_task("later", delay_us=60 * SECOND_US))

    row = await change(store, expedited("later"))

    assert (row.status, row.due_us) == (TaskStatus.QUEUED, clock.now_us())
    assert ids(await claim(store)) == ["later", "urgent"]


async def test_a_task_that_waits_for_its_retry_can_be_expedited(store: TaskStore) -> None:
    await put(store, new_task("a"))
    task = await start(store)
    attempt = ended(task, handler_failed())
    await change(
        store, retrying(task.key, attempt, NOTHING_REPORTED, delay_us=60 * SECOND_US, uses_retry=True)
    )

    await change(store, expedited("a"))

    assert ids(await claim(store)) == ["a"]


async def test_a_claimed_or_final_task_cannot_be_expedited(store: TaskStore) -> None:
    await put(store, new_task("a"), new_task("b"))
    await complete(store, await start(store))
    await claim(store)

    results = await store.apply([expedited("a"), expedited("b")])

    assert [result.changed for result in results] == [False, False]


async def test_what_was_cancelled_while_it_waited_is_never_claimed(store: TaskStore) -> None:
    await put(store, *(new_task(f"t{n}") for n in range(500)))

    await store.cancel([f"t{n}" for n in range(500) if n % 100], "")

    assert ids(await claim(store)) == ["t0", "t100", "t200", "t300", "t400"]


async def test_a_lane_without_waiting_tasks_is_gone(store: TaskStore) -> None:
    await put(store, new_task("a"), new_task("b", delay_us=SECOND_US))
    await claim(store)

    await store.cancel(["b"], "")

    assert await lane_of(store) is None


async def test_ahead_of_counts_the_due_unclaimed_tasks_of_the_queue_that_start_before(
    store: TaskStore, clock: FakeClock
) -> None:
    await put(store, new_task("claimed"))
    await claim(store)
    *_, task, _ = await put(
        store,
        new_task("before"),
        new_task("urgent", handler="sleep", priority=-1),
        new_task("cancelled"),
        new_task("other queue", queue="other"),
        new_task("not due", priority=-1, delay_us=SECOND_US),
        new_task("asked about"),
        new_task("behind"),
    )
    await store.cancel(["cancelled"], "")

    before = await store.ahead_of(task)
    clock.advance(1)

    assert (before, await store.ahead_of(task)) == (2, 3)


async def test_overdue_reads_waiting_unclaimed_tasks_past_their_start_limit(
    store: TaskStore, clock: FakeClock
) -> None:
    await put(store, new_task("claimed", start_timeout_us=SECOND_US, priority=-1))
    await claim(store)
    await put(
        store,
        new_task("no limit"),
        new_task("past", start_timeout_us=SECOND_US),
        new_task("past deadline", deadline_us=clock.now_us() - 1),
        new_task("to come", start_timeout_us=3 * SECOND_US),
    )
    clock.advance(2)

    found = await store.overdue(10)

    assert ids(found.tasks) == ["past deadline", "past"]
    assert found.next_us == clock.now_us() + SECOND_US


async def test_overdue_reads_the_same_tasks_until_they_are_ended(store: TaskStore, clock: FakeClock) -> None:
    await put(store, *(new_task(f"t{n}", start_timeout_us=n + 1) for n in range(3)))
    clock.advance(1)

    first = await store.overdue(2)
    again = await store.overdue(2)
    await store.apply([overdue(task.id, timeout_error("start", "too long")) for task in first.tasks])
    rest = await store.overdue(2)

    assert ids(first.tasks) == ids(again.tasks) == ["t0", "t1"]
    assert first.next_us is not None
    assert (ids(rest.tasks), rest.next_us) == (["t2"], None)


async def test_a_task_given_back_has_its_start_timeout_again(store: TaskStore, clock: FakeClock) -> None:
    await put(store, new_task("a", start_timeout_us=SECOND_US))
    [task] = await claim(store)
    while_claimed = await store.overdue(10)

    await change(store, returned(task.key))
    before = await store.overdue(10)
    clock.advance(1)

    assert (while_claimed.tasks, while_claimed.next_us) == ((), None)
    assert (before.tasks, before.next_us) == ((), clock.now_us())
    assert ids((await store.overdue(10)).tasks) == ["a"]


async def test_a_retry_has_no_start_timeout_and_the_deadline_still(
    store: TaskStore, clock: FakeClock
) -> None:
    await put(
        store,
        new_task("timeout", start_timeout_us=SECOND_US),
        new_task("deadline", deadline_us=clock.now_us() + 9 * SECOND_US),
    )
    for task in await claim(store):
        attempt = ended(task, handler_failed())
        await change(
            store, retrying(task.key, attempt, NOTHING_REPORTED, delay_us=SECOND_US, uses_retry=True)
        )

    clock.advance(9)

    assert ids((await store.overdue(10)).tasks) == ["deadline"]
