"""What the memory store's structures cost when most of what was put into them has died."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.fakes.tasks import ECHO, OWNER, ended, new_task

from millhand_server.core.ports import Full, Inserted, Retention, Want
from millhand_server.core.query import EVERYTHING
from millhand_server.core.task import SECOND_US, Attempt, Progress, RetryPolicy, TaskError
from millhand_server.core.transition import NOTHING_REPORTED, cancel_requested, claimed, retrying, started
from millhand_server.store.acceptance import first_row
from millhand_server.store.memory import MemoryStore
from millhand_server.store.memory.heap import LazyHeap
from millhand_server.store.memory.lanes import Lanes
from millhand_server.store.memory.log import ResultLog
from millhand_server.store.memory.overdue import StartLimits
from millhand_server.store.memory.table import Table
from millhand_server.store.weight import asked, happened
from millhand_server.testing.clock import FakeClock

STEPS = st.lists(
    st.tuples(st.sampled_from(["push", "kill", "pop", "take", "sweep", "clear"]), st.integers(0, 99))
)


@given(steps=STEPS)
def test_a_lazy_heap_gives_the_lowest_living_entry(steps: list[tuple[str, int]]) -> None:
    living: set[tuple[int]] = set()
    heap: LazyHeap[tuple[int]] = LazyHeap(living.__contains__)
    pushed: set[tuple[int]] = set()
    for step, number in steps:
        entry = (number,)
        if step == "push" and entry not in pushed:
            pushed.add(entry)
            living.add(entry)
            heap.push(entry)
        elif step == "kill":
            living.discard(entry)
        elif step == "sweep":
            heap.sweep(number % 5)
        elif step == "pop" and living:
            assert heap.pop() == min(living)
            living.remove(min(living))
        elif step == "take":
            lowest = sorted(living)[: number % 5]
            assert heap.take(number % 5, lambda entry: entry if entry in living else None) == lowest
            living.difference_update(lowest)
        elif step == "clear" and not living:
            heap.clear()
            assert len(heap) == 0

        assert heap.peek() == min(living, default=None)


def test_sweeping_a_whole_heap_leaves_the_living_alone() -> None:
    heap: LazyHeap[tuple[int]] = LazyHeap(lambda entry: entry[0] % 10 == 0)
    for number in range(1_000):
        heap.push((number,))

    heap.sweep(1_000)

    assert sorted(heap.entries()) == [(number,) for number in range(0, 1_000, 10)]


@pytest.mark.parametrize("delay_us", [0, 60 * SECOND_US], ids=["due", "scheduled"])
def test_a_lane_holds_few_dead_entries_however_many_tasks_were_cancelled(delay_us: int) -> None:
    table = Table()
    lanes = Lanes(table)
    rows = [first_row(new_task(f"t{n}", delay_us=delay_us), sequence=n + 1, now_us=0) for n in range(10_000)]
    table.add({row.id: row for row in rows}, 0, {})
    lanes.add(rows, 0)

    for row in rows[100:]:
        table.replace(row, cancel_requested(row, "", now_us=0), 0)
        lanes.remove(row)

    assert lanes.entry_count() < 3 * 100 + 200
    assert len(lanes.take([Want((ECHO,), 10_000)], 10_000, now_us=delay_us)) == 100


@pytest.mark.parametrize("is_taken", [True, False], ids=["claimed", "cancelled"])
def test_few_lanes_stay_however_many_were_emptied(is_taken: bool) -> None:
    table = Table()
    lanes = Lanes(table)
    for n in range(1_000):
        row = first_row(new_task(f"t{n}", fairness_key=f"key-{n}"), sequence=n + 1, now_us=0)
        table.add({row.id: row}, 0, {})
        lanes.add([row], 0)
        if is_taken:
            assert lanes.take([Want((row.lane,), 1)], 1, now_us=0) == [row]
        else:
            table.replace(row, cancel_requested(row, "", now_us=0), 0)
            lanes.remove(row)

    assert len(lanes) < 20
    assert lanes.entry_count() == 0
    assert lanes.states(0) == []


def test_a_lane_that_was_emptied_is_as_good_as_new() -> None:
    table = Table()
    lanes = Lanes(table)
    rows = [first_row(new_task(f"t{n}"), sequence=n + 1, now_us=0) for n in range(3)]
    table.add({row.id: row for row in rows}, 0, {})
    lanes.add(rows[:2], 0)
    lanes.take([Want((ECHO,), 1)], 1, now_us=0)
    table.replace(rows[1], cancel_requested(rows[1], "", now_us=0), 0)
    lanes.remove(rows[1])

    lanes.add(rows[2:], 0)

    assert lanes.entry_count() == 1
    assert lanes.take([Want((ECHO,), 9)], 9, now_us=0) == rows[2:]


def test_start_limits_hold_few_dead_entries_however_many_tasks_started() -> None:
    table = Table()
    limits = StartLimits(table)
    for n in range(10_000):
        row = first_row(new_task(f"t{n}", start_timeout_us=SECOND_US), sequence=n + 1, now_us=0)
        table.add({row.id: row}, 0, {})
        limits.add([row])
        if n >= 100:
            table.replace(row, claimed(row, OWNER), 0)
            limits.remove([row])

    assert limits.entry_count() < 3 * 100 + 200
    assert len(limits.read(10_000, SECOND_US).tasks) == 100


async def test_a_burst_of_tasks_due_at_once_is_moved_in_parts_and_none_is_lost() -> None:
    clock = FakeClock()
    store = MemoryStore(clock)
    await store.insert(
        [new_task(f"t{n}", delay_us=SECOND_US) for n in range(12_000)], atomic=True, max_waiting=0
    )
    clock.advance(1)
    given: set[str] = set()
    calls = 0
    while len(given) < 12_000:
        claimed_now = await store.claim([Want((ECHO,), 12_000)], limit=12_000, owner=OWNER)
        given |= {task.id for task in claimed_now.tasks}
        # While some are left the lane shows a due head, so that the caller comes again at once.
        assert (claimed_now.lanes[0].head_id is None) == (len(given) == 12_000)
        calls += 1

    assert calls > 1


async def test_the_log_forgets_results_as_it_is_trimmed() -> None:
    store = MemoryStore(FakeClock(), Retention(count=10))
    names = [f"t{n}" for n in range(30_000)]
    await store.insert([new_task(name) for name in names], atomic=True, max_waiting=0)

    await store.cancel(names, "")

    page = await store.read_log(0, EVERYTHING, limit=100, max_bytes=100)
    assert [task.id for task in page.tasks] == names[-10:]
    assert (page.first, page.last) == (29_991, 30_000)
    assert await store.get(names[:2]) == [None, None]


async def test_waiting_tasks_are_bounded_in_bytes_until_they_run() -> None:
    store = MemoryStore(FakeClock(), max_waiting_bytes=10_000)
    large = [new_task(f"t{n}", payload=b"x" * 6_000) for n in range(3)]

    results = await store.insert(large, atomic=False, max_waiting=0)
    again = await store.insert([large[0], new_task("small")], atomic=False, max_waiting=0)
    claim = await store.claim([Want((ECHO,), 1)], limit=1, owner=OWNER)
    await store.apply([started(claim.tasks[0].key, at_us=1, worker="w")])
    after = await store.insert([large[2]], atomic=True, max_waiting=0)

    assert [type(result) for result in results] == [Inserted, Inserted, Full]
    assert results[-1] == Full(10_000, in_bytes=True)
    assert [type(result) for result in again] == [Inserted, Full]
    assert [type(result) for result in after] == [Inserted]


async def test_what_a_waiting_task_has_gone_through_counts_until_it_runs_again() -> None:
    clock = FakeClock()
    store = MemoryStore(clock, max_waiting_bytes=10_000)
    await store.insert([new_task("t1")], atomic=True, max_waiting=0)
    [first] = (await store.claim([Want((ECHO,), 1)], limit=1, owner=OWNER)).tasks
    error = TaskError(13, "R", "m" * 10_000)
    retry = retrying(first.key, ended(first, error), NOTHING_REPORTED, delay_us=0, uses_retry=True)
    await store.apply([retry])

    refused = await store.insert([new_task("t2")], atomic=True, max_waiting=0)
    [second] = (await store.claim([Want((ECHO,), 1)], limit=1, owner=OWNER)).tasks
    still_refused = await store.insert([new_task("t2")], atomic=True, max_waiting=0)
    await store.apply([started(second.key, at_us=1, worker="w")])
    large = await store.insert([new_task("t2", payload=b"x" * 9_900)], atomic=True, max_waiting=0)
    over = await store.insert(
        [new_task("t3", payload=b"x" * 100), new_task("t4")], atomic=True, max_waiting=0
    )

    assert [refused, still_refused] == [[Full(10_000, in_bytes=True)]] * 2
    assert isinstance(large[0], Inserted)
    assert over[1] == Full(10_000, in_bytes=True)


def test_the_log_knows_the_weight_of_what_it_drops_however_much_was_dropped_before() -> None:
    log = ResultLog(Table())
    row = first_row(new_task("t"), sequence=1, now_us=0)
    for n in range(1, 30_001):
        log.append(replace(row, position=n), n)

    dropped = [log.drop_oldest() for _ in range(30_000)]

    assert [(task.position, size) for task, size in dropped] == [(n, n) for n in range(1, 30_001)]
    assert (log.first, log.last) == (30_001, 30_000)


_SPEC = new_task("t").spec
_ERROR = TaskError(13, "R" * 1_000, "m" * 1_000, metadata={"k": "v" * 1_000})

#: What callers and handlers can make large, with how many bytes of it each adds.
HEAVY: dict[str, tuple[dict[str, Any], int]] = {
    "payload": ({"spec": replace(_SPEC, payload=b"x" * 5_000)}, 5_000),
    "key": ({"spec": replace(_SPEC, idempotency_key="k" * 200)}, 200),
    "correlation": ({"spec": replace(_SPEC, correlation_id="k" * 200)}, 200),
    "labels": ({"spec": replace(_SPEC, labels={"k" * 200: "v" * 200})}, 400),
    "reasons": (
        {"spec": replace(_SPEC, retry_policy=RetryPolicy(non_retryable_reasons=("R" * 200,) * 9))},
        1_800,
    ),
    "cancel-reason": ({"cancel_reason": "c" * 4_000}, 4_000),
    "error": ({"error": _ERROR}, 3_000),
    "attempts": (
        {"attempts": (Attempt(1, "n", "w", 0, 0, _ERROR), Attempt(2, "n", "w", 0, 0, _ERROR))},
        6_000,
    ),
    "progress": ({"progress": Progress(0.5, "p" * 4_000, 0)}, 4_000),
    "heartbeat": ({"last_heartbeat": b"x" * 5_000}, 5_000),
}


@pytest.mark.parametrize(("fields", "size"), HEAVY.values(), ids=HEAVY)
def test_what_can_be_made_large_weighs(fields: dict[str, Any], size: int) -> None:
    row = first_row(new_task("t"), sequence=1, now_us=0)
    heavy = replace(row, **fields)

    assert size <= asked(heavy) + happened(heavy) - asked(row) - happened(row) <= 2 * size
