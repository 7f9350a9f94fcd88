"""What the memory store's structures cost when most of what was put into them has died."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.tasks import ECHO, OWNER, new_task

from millhand_server.core.ports import Retention, Want
from millhand_server.core.query import EVERYTHING
from millhand_server.core.task import SECOND_US
from millhand_server.core.transition import cancel_requested, claimed
from millhand_server.store.acceptance import first_row
from millhand_server.store.memory import MemoryStore
from millhand_server.store.memory.heap import LazyHeap
from millhand_server.store.memory.lanes import Lanes
from millhand_server.store.memory.overdue import StartLimits
from millhand_server.store.memory.table import Table
from millhand_server.testing.clock import FakeClock

STEPS = st.lists(st.tuples(st.sampled_from(["push", "kill", "pop", "sweep"]), st.integers(0, 99)))


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
    for row in rows:
        table.add(row)
        lanes.add(row, 0)

    for row in rows[100:]:
        table.replace(row, cancel_requested(row, "", now_us=0))
        lanes.remove(row)

    assert lanes.entry_count() < 3 * 100 + 200
    assert len(lanes.take([Want((ECHO,), 10_000)], 10_000, now_us=delay_us)) == 100


def test_start_limits_hold_few_dead_entries_however_many_tasks_started() -> None:
    table = Table()
    limits = StartLimits(table)
    for n in range(10_000):
        row = first_row(new_task(f"t{n}", start_timeout_us=SECOND_US), sequence=n + 1, now_us=0)
        table.add(row)
        limits.add(row)
        if n >= 100:
            table.replace(row, claimed(row, OWNER))
            limits.remove(row)

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
