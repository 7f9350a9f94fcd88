"""Rows of a long queue in their compact form: nobody who reads them can tell."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.tasks import ECHO, OWNER, ended, new_task

from millhand_server.core.ports import Conflict, Full, Inserted, Want
from millhand_server.core.query import Page, Seen, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US, NewTask, RetryPolicy, Task
from millhand_server.core.transition import NOTHING_REPORTED, completed
from millhand_server.store.acceptance import first_row
from millhand_server.store.memory import MemoryStore
from millhand_server.store.memory.packing import Packed, Packer, unpack
from millhand_server.testing.clock import FakeClock

#: More than the first rows, which are kept as they are.
LONG = 1_200

NAMES = [f"t{n}" for n in range(LONG)]

#: Fields that are set seldom, all of them.
RARE: dict[str, Any] = {
    "name": "n\0€",
    "description": "d",
    "labels": {"k": "v"},
    "priority": -3,
    "retries": 0,
    "retry_delay_us": 1,
    "retry_policy": RetryPolicy(2.0, 3, 0.5, ("R",)),
    "timeout_us": 4,
    "start_timeout_us": 5,
    "deadline_us": 6,
    "heartbeat_timeout_us": 7,
    "run_at_us": 2**60,
    "idempotency_key": "i",
    "fairness_key": "f",
    "correlation_id": "c",
    "traceparent": "t",
}


def _row(**spec: Any) -> Task:
    return first_row(new_task("t1", **spec), sequence=7, now_us=8)


@pytest.mark.parametrize("spec", [{}, RARE, {"payload": b"\0\xff" * 1_000}], ids=["bare", "rare", "payload"])
def test_an_unpacked_row_equals_the_one_that_was_packed(spec: dict[str, Any]) -> None:
    row = _row(**spec)
    packer = Packer()

    packed = packer.pack(row)
    packer.pack(_row(name="another that comes into the same buffer"))

    assert isinstance(packed, Packed)
    assert unpack(packed, row.id) == row
    assert (packed.sequence, packed.revision) == (row.sequence, row.revision)


@pytest.mark.parametrize("spec", [{"name": "\ud800"}, {"delay_us": 2**70}], ids=["not-unicode", "too-large"])
def test_a_row_that_cannot_be_encoded_stays_as_it_is(spec: dict[str, Any]) -> None:
    row = _row(**spec)

    assert Packer().pack(row) is row


def test_unpacked_rows_share_their_id_with_the_index_and_the_names_of_their_lane() -> None:
    row = _row()
    packed = Packer().pack(row)
    assert isinstance(packed, Packed)

    first, second = unpack(packed, row.id), unpack(packed, row.id)

    assert first.id is row.id
    assert (first.queue is second.queue, first.spec.handler is second.spec.handler) == (True, True)


async def test_tasks_of_a_long_queue_are_read_claimed_and_ended_as_they_were_accepted() -> None:
    store = await _store_with(_tasks())
    accepted = {f"t{n}": row for n, row in enumerate(await store.get(NAMES)) if row is not None}

    claim = await store.claim([Want((ECHO,), LONG)], limit=LONG, owner=OWNER)
    applied = await store.apply(
        [completed(task.key, ended(task), b"out", NOTHING_REPORTED) for task in claim.tasks]
    )

    assert [task.id for task in claim.tasks] == NAMES
    assert [task.spec for task in claim.tasks] == [accepted[name].spec for name in NAMES]
    assert {(one.changed, one.task.status) for one in applied if one.task} == {(True, TaskStatus.COMPLETED)}
    assert {row.output for row in await store.get(NAMES) if row is not None} == {b"out"}


async def test_tasks_of_a_long_queue_are_found_and_counted_while_they_wait() -> None:
    store = await _store_with(_tasks())
    await store.cancel(NAMES[: LONG - 100], "")
    waiting = TaskFilter(statuses=frozenset({TaskStatus.QUEUED}))

    counts = await store.count(waiting, Seen(2**60), limit=0)
    found = await store.find(waiting, Page(limit=3, descending=True), Seen(2**60))

    assert counts == {TaskStatus.QUEUED: 100}
    assert [task.id for task in found.tasks] == NAMES[:-4:-1]


async def test_a_task_of_a_long_queue_is_known_again_by_its_id_and_by_its_key() -> None:
    store = await _store_with([*_tasks(), new_task("keyed", idempotency_key="k")])
    again = [
        new_task(NAMES[-1]),
        new_task(NAMES[-1], name="other"),
        new_task("generated", idempotency_key="k", id_given=False),
    ]

    results = await store.insert(again, atomic=False, max_waiting=0)

    assert [type(result) for result in results] == [Inserted, Conflict, Inserted]
    assert isinstance(results[2], Inserted)
    assert results[2].task.id == "keyed"


async def test_a_task_of_a_long_queue_passes_its_start_timeout() -> None:
    clock = FakeClock()
    store = await _store_with([*_tasks(), new_task("late", start_timeout_us=SECOND_US)], clock)
    clock.advance(2)

    overdue = await store.overdue(10)

    assert [task.id for task in overdue.tasks] == ["late"]


async def test_all_that_waited_is_free_again_when_a_long_queue_has_ended() -> None:
    store = await _store_with(_tasks(), max_bytes=20_000)
    full = await store.insert(
        [new_task("more", payload=b"x" * 20_000), new_task("most")], atomic=False, max_waiting=0
    )
    claim = await store.claim([Want((ECHO,), 600)], limit=600, owner=OWNER)
    # Some that are claimed wait on, with a reason that weighs more than they did.
    await store.cancel([*NAMES, "more"], "r" * 100)
    await store.apply([completed(task.key, ended(task), b"", NOTHING_REPORTED) for task in claim.tasks])

    last = await store.insert([new_task("last", payload=b"x" * 19_990)], atomic=False, max_waiting=1)
    over = [await store.insert([new_task("over")], atomic=False, max_waiting=limit) for limit in (1, 0)]

    assert [type(result) for result in (*full, *last)] == [Inserted, Full, Inserted]
    assert over == [[Full(1)], [Full(20_000, in_bytes=True)]]


def _tasks() -> list[NewTask]:
    return [new_task(name) for name in NAMES]


async def _store_with(
    tasks: list[NewTask], clock: FakeClock | None = None, max_bytes: int = 0
) -> MemoryStore:
    store = MemoryStore(clock or FakeClock(), max_waiting_bytes=max_bytes)
    await store.insert(tasks, atomic=True, max_waiting=0)
    return store
