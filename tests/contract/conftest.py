from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tests.fakes.store import FaultyStore, Script

from millhand_server.core.ports import Retention, TaskStore
from millhand_server.store.memory import MemoryStore
from millhand_server.store.sqlite import SqliteOptions, SqliteStore
from millhand_server.testing.clock import FakeClock

OpenStore = Callable[[Retention], Awaitable[TaskStore]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["memory", "memory behind a faulty store", "sqlite"])
async def open_store(
    request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path
) -> AsyncIterator[OpenStore]:
    """Opens stores of one kind, and closes them. A new kind of store is one more param here.

    The fake store that the engine is tested on is held to the same contract while its script is empty.
    """
    stores: list[TaskStore] = []

    async def open_one(retention: Retention) -> TaskStore:
        store: TaskStore
        match request.param:
            case "memory":
                store = MemoryStore(clock, retention)
            case "sqlite":
                store = SqliteStore(SqliteOptions(tmp_path / f"{len(stores)}.db"), clock, retention)
            case _:
                store = FaultyStore(MemoryStore(clock, retention), Script())
        await store.open()
        stores.append(store)
        return store

    yield open_one
    for store in stores:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> TaskStore:
    """An empty store that keeps everything."""
    return await open_store(Retention(age_us=0, failed_age_us=0, count=0, bytes=0))
