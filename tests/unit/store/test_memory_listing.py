"""What long reads of the memory store see of changes that are made between their steps."""

from __future__ import annotations

import asyncio

import pytest
from tests.fakes.tasks import new_task

from millhand_server.core.query import EVERYTHING, Order, Page, Seen, TaskFilter
from millhand_server.store.memory import MemoryStore
from millhand_server.testing.clock import FakeClock

SEEN = Seen(now_us=0)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(FakeClock())


async def _insert_after(store: MemoryStore, turns: int, names: list[str]) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)
    await store.insert([new_task(name) for name in names], atomic=True, max_waiting=0)


@pytest.mark.parametrize("turns", [0, 1, 5, 8])
async def test_a_count_by_ids_sees_each_task_that_comes_meanwhile_once(
    store: MemoryStore, turns: int
) -> None:
    names = [f"t{n}" for n in range(20_000)]
    coming = names[::1_000]
    wanted = TaskFilter(ids=frozenset(names))

    counts, _ = await asyncio.gather(store.count(wanted, SEEN, limit=0), _insert_after(store, turns, coming))

    assert sum(counts.values()) == len(coming)


async def test_a_count_of_all_sees_what_comes_meanwhile(store: MemoryStore) -> None:
    await _insert_after(store, 0, [f"before-{n}" for n in range(10_000)])

    counts, _ = await asyncio.gather(
        store.count(EVERYTHING, SEEN, limit=0), _insert_after(store, 2, ["meanwhile"])
    )

    assert sum(counts.values()) == 10_001


@pytest.mark.parametrize("order", list(Order), ids=lambda order: order.name)
async def test_a_long_listing_lets_others_work_and_gives_no_task_twice(
    store: MemoryStore, order: Order
) -> None:
    await _insert_after(store, 0, [f"before-{n}" for n in range(10_000)])
    rare = TaskFilter(labels={"rare": "yes"})
    listing = asyncio.create_task(store.find(rare, Page(10, order), SEEN))
    await asyncio.sleep(0)

    await store.insert([new_task("x", labels={"rare": "yes"})], atomic=True, max_waiting=0)
    was_done = listing.done()

    assert not was_done
    assert [task.id for task in (await listing).tasks] == ["x"]
