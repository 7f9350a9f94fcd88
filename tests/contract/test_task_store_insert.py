from __future__ import annotations

import re

import pytest
from tests.contract.conftest import OpenStore
from tests.contract.steps import claim, complete, found_ids, put, read, start
from tests.fakes.tasks import new_task

from millhand_server.core.errors import StoreUnavailable
from millhand_server.core.ports import Conflict, Full, Inserted, Retention, TaskStore, Withheld
from millhand_server.core.query import EVERYTHING
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US, NewTask
from millhand_server.testing.clock import FakeClock


async def test_open_answers_the_epoch_of_the_log(store: TaskStore) -> None:
    epoch = await store.open()

    assert re.fullmatch("[0-9a-f]{16}", epoch)


async def test_two_logs_have_two_epochs(open_store: OpenStore) -> None:
    one = await open_store(Retention())
    other = await open_store(Retention())

    assert await one.open() != await other.open()


async def test_close_may_be_called_twice_and_a_closed_store_does_nothing(store: TaskStore) -> None:
    await store.close()
    await store.close()

    with pytest.raises(StoreUnavailable):
        await store.insert([new_task()], atomic=True, max_waiting=0)


async def test_an_inserted_task_is_read_back_as_it_was_sent(store: TaskStore, clock: FakeClock) -> None:
    new = new_task(
        "a", payload=b"p", priority=7, labels={"k": "v"}, principal="ann", session_id="s", token=42
    )

    [row] = await put(store, new)

    assert await store.get(["a"]) == [row]
    assert row.spec == new.spec
    assert (row.priority, row.principal, row.session_id, row.token) == (7, "ann", "s", 42)
    assert (row.status, row.create_us, row.due_us) == (TaskStatus.QUEUED, clock.now_us(), clock.now_us())
    assert (row.attempt, row.revision, row.position) == (0, 1, 0)


async def test_get_answers_in_the_order_asked_and_none_for_unknown_ids(store: TaskStore) -> None:
    await put(store, new_task("a"), new_task("b"))

    rows = await store.get(["b", "nobody", "a"])

    assert [row and row.id for row in rows] == ["b", None, "a"]


async def test_sequences_ascend_in_the_order_of_acceptance(store: TaskStore) -> None:
    first, second = await put(store, new_task("z"), new_task("a"))
    [third] = await put(store, new_task("m"))

    assert first.sequence < second.sequence < third.sequence


@pytest.mark.parametrize(
    ("delay_us", "status", "due_in_s"),
    [
        pytest.param(None, TaskStatus.QUEUED, 0, id="at once"),
        pytest.param(5 * SECOND_US, TaskStatus.SCHEDULED, 5, id="after a delay"),
        pytest.param(0, TaskStatus.QUEUED, 0, id="after no delay"),
    ],
)
async def test_a_task_is_due_when_it_asked_to_be(
    store: TaskStore, clock: FakeClock, delay_us: int | None, status: TaskStatus, due_in_s: int
) -> None:
    [row] = await put(store, new_task("a", delay_us=delay_us))

    assert (row.status, row.due_us) == (status, clock.now_us() + due_in_s * SECOND_US)


@pytest.mark.parametrize(
    ("run_in_s", "status", "due_in_s"),
    [
        pytest.param(60, TaskStatus.SCHEDULED, 60, id="future"),
        pytest.param(-60, TaskStatus.QUEUED, 0, id="past stands for now"),
    ],
)
async def test_run_at_says_when_a_task_is_due(
    store: TaskStore, clock: FakeClock, run_in_s: int, status: TaskStatus, due_in_s: int
) -> None:
    now_us = clock.now_us()

    [row] = await put(store, new_task("a", run_at_us=now_us + run_in_s * SECOND_US))

    assert (row.status, row.due_us) == (status, now_us + due_in_s * SECOND_US)


async def test_the_start_limit_is_the_earlier_of_deadline_and_start_timeout(
    store: TaskStore, clock: FakeClock
) -> None:
    now_us = clock.now_us()

    rows = await put(
        store,
        new_task("none"),
        new_task("timeout", start_timeout_us=9, delay_us=100),
        new_task("deadline", deadline_us=now_us + 5),
        new_task("both", deadline_us=now_us + 5, start_timeout_us=3),
    )

    assert [row.start_by_us for row in rows] == [None, now_us + 109, now_us + 5, now_us + 3]


async def test_a_known_id_with_the_same_content_finds_the_same_task(store: TaskStore) -> None:
    [row] = await put(store, new_task("a", payload=b"p", token=1, traceparent="one call"))

    again = await store.insert(
        [new_task("a", payload=b"p", token=2, traceparent="another call")], atomic=True, max_waiting=0
    )

    assert again == [Inserted(row, created=False)]


async def test_a_known_id_finds_its_task_also_when_that_is_final(store: TaskStore) -> None:
    await put(store, new_task("a"))
    final = await complete(store, await start(store))

    again = await store.insert([new_task("a")], atomic=True, max_waiting=0)

    assert again == [Inserted(final, created=False)]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(new_task("a", payload=b"other"), id="payload"),
        pytest.param(new_task("a", priority=1), id="priority"),
        pytest.param(new_task("a", retries=0), id="set instead of unset"),
        pytest.param(new_task("a", principal="bob"), id="principal"),
        pytest.param(new_task("a", idempotency_key="k"), id="key"),
    ],
)
async def test_a_known_id_with_other_content_is_a_conflict_and_the_task_stays(
    store: TaskStore, other: NewTask
) -> None:
    [row] = await put(store, new_task("a"))

    results = await store.insert([other], atomic=False, max_waiting=0)

    assert results == [Conflict("id", "a")]
    assert await read(store, "a") == [row]


async def test_a_known_key_finds_its_task_when_the_new_id_was_made_up(store: TaskStore) -> None:
    [row] = await put(store, new_task("a", idempotency_key="k"))

    results = await store.insert(
        [new_task("b", id_given=False, idempotency_key="k")], atomic=True, max_waiting=0
    )

    assert results == [Inserted(row, created=False)]
    assert await store.get(["b"]) == [None]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(new_task("b", idempotency_key="k"), id="another id given"),
        pytest.param(new_task("b", id_given=False, idempotency_key="k", payload=b"x"), id="other content"),
    ],
)
async def test_a_known_key_of_another_task_is_a_conflict_that_names_it(
    store: TaskStore, other: NewTask
) -> None:
    await put(store, new_task("a", idempotency_key="k"))

    results = await store.insert([other], atomic=False, max_waiting=0)

    assert results == [Conflict("idempotency_key", "a")]


async def test_keys_of_two_principals_are_two_keys(store: TaskStore) -> None:
    await put(
        store,
        new_task("a", principal="ann", idempotency_key="k"),
        new_task("b", principal="bob", idempotency_key="k"),
    )

    assert len(await read(store, "a", "b")) == 2


async def test_a_duplicate_inside_a_batch_finds_the_earlier_one(store: TaskStore) -> None:
    results = await store.insert(
        [
            new_task("a"),
            new_task("a"),
            new_task("b", idempotency_key="k"),
            new_task("c", id_given=False, idempotency_key="k"),
            new_task("a", payload=b"other"),
        ],
        atomic=False,
        max_waiting=0,
    )

    a, b = await read(store, "a", "b")
    assert results == [
        Inserted(a, created=True),
        Inserted(a, created=False),
        Inserted(b, created=True),
        Inserted(b, created=False),
        Conflict("id", "a"),
    ]


async def test_one_conflict_leaves_a_whole_atomic_batch_out(store: TaskStore, clock: FakeClock) -> None:
    await put(store, new_task("old"))

    results = await store.insert(
        [new_task("a"), new_task("old"), new_task("old", payload=b"other"), new_task("b")],
        atomic=True,
        max_waiting=0,
    )

    assert results == [Withheld(), Withheld(), Conflict("id", "old"), Withheld()]
    assert await found_ids(store, clock, EVERYTHING) == ["old"]


async def test_a_batch_that_was_left_out_takes_no_id_and_no_key(store: TaskStore) -> None:
    await put(store, new_task("old"))
    await store.insert(
        [new_task("a", idempotency_key="k"), new_task("old", payload=b"other")], atomic=True, max_waiting=0
    )

    await put(store, new_task("b", idempotency_key="k"), new_task("a"))


async def test_one_conflict_of_a_batch_per_item_leaves_only_itself_out(store: TaskStore) -> None:
    await put(store, new_task("old"))

    results = await store.insert(
        [new_task("a"), new_task("old", payload=b"other"), new_task("b")], atomic=False, max_waiting=0
    )

    a, b = await read(store, "a", "b")
    assert results == [Inserted(a, created=True), Conflict("id", "old"), Inserted(b, created=True)]


async def test_a_full_store_takes_what_fits_of_a_batch_per_item(store: TaskStore, clock: FakeClock) -> None:
    await put(store, new_task("old"))

    results = await store.insert([new_task(name) for name in "abc"], atomic=False, max_waiting=3)

    assert [type(result) for result in results] == [Inserted, Inserted, Full]
    assert results[-1] == Full(3)
    assert await found_ids(store, clock) == ["old", "a", "b"]


async def test_a_full_store_takes_nothing_of_an_atomic_batch(store: TaskStore, clock: FakeClock) -> None:
    await put(store, new_task("old"))

    results = await store.insert([new_task(name) for name in "abc"], atomic=True, max_waiting=3)

    assert results == [Withheld(), Withheld(), Full(3)]
    assert await found_ids(store, clock) == ["old"]


async def test_known_ids_and_keys_are_looked_up_before_fullness(store: TaskStore) -> None:
    [row] = await put(store, new_task("a", idempotency_key="k"))

    results = await store.insert(
        [
            new_task("a", idempotency_key="k"),
            new_task("b", id_given=False, idempotency_key="k"),
            new_task("a"),
            new_task("c"),
        ],
        atomic=False,
        max_waiting=1,
    )

    assert results == [Inserted(row, False), Inserted(row, False), Conflict("id", "a"), Full(1)]


async def test_claimed_tasks_wait_still_and_running_and_final_ones_do_not(store: TaskStore) -> None:
    await put(store, new_task("final"), new_task("running"), new_task("claimed"), new_task("waiting"))
    await complete(store, await start(store))
    await start(store)
    await claim(store, limit=1)

    results = await store.insert([new_task("a"), new_task("b")], atomic=False, max_waiting=3)

    assert [type(result) for result in results] == [Inserted, Full]
