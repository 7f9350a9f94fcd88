from __future__ import annotations

from tests.contract.steps import put
from tests.fakes.tasks import new_task

from millhand_server.core.ports import TaskStore


async def test_what_the_store_takes_grows_with_its_tasks(store: TaskStore) -> None:
    before = store.figures()
    await put(store, *(new_task(f"t{n}", payload=b"x" * 4_000) for n in range(100)))
    after = store.figures()

    assert sum(after.values()) >= sum(before.values()) + 400_000


async def test_a_closed_store_takes_nothing(store: TaskStore) -> None:
    await store.close()

    assert store.figures() == {}
