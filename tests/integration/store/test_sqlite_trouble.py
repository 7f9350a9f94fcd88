"""The SQLite store when its disk is full or fails, and what it costs on the disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.steps import claim, complete, found_ids, log_ids, put, read
from tests.fakes.mounts import tmpfs
from tests.fakes.tasks import new_task

from millhand_server.core.errors import InvalidArgument, StoreOutcomeUnknown, StoreUnavailable
from millhand_server.store.sqlite import SqliteOptions, SqliteStore
from millhand_server.testing.clock import FakeClock

MIB = 1024 * 1024
DEADLINE_S = 30


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(SqliteOptions(tmp_path / "tasks.db"), clock)
    await store.open()
    yield store
    await store.close()


async def test_a_full_disk_takes_nothing_and_all_is_well_when_there_is_room_again(
    tmp_path: Path, clock: FakeClock
) -> None:
    with tmpfs(tmp_path / "disk", "4m") as disk:
        store = SqliteStore(SqliteOptions(disk / "tasks.db"), clock)
        await store.open()
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * MIB)
        stored: list[str] = []

        async def fill() -> None:
            for n in range(200):
                await put(store, new_task(f"t{n}", payload=b"x" * 50_000))
                stored.append(f"t{n}")

        with pytest.raises(
            StoreUnavailable, match=r"no room left on the disk.*nothing was changed"
        ) as raised:
            await fill()
        while_full = await found_ids(store, clock)
        ballast.unlink()
        await put(store, new_task("again"))

        assert not isinstance(raised.value, StoreOutcomeUnknown)
        assert while_full == stored
        assert await found_ids(store, clock) == [*stored, "again"]
        await store.close()


async def test_the_write_ahead_log_stays_short(store: SqliteStore, clock: FakeClock) -> None:
    largest = 0

    for n in range(200):
        await put(store, *(new_task(f"t{n}-{k}", payload=b"x" * 8_000) for k in range(50)))
        [task] = await claim(store, limit=1)
        await complete(store, task)
        largest = max(largest, store.figures()["wal"])

    assert len(await log_ids(store)) == 200
    assert largest < 48 * MIB


async def test_one_bad_job_of_a_group_leaves_the_others_alone(store: SqliteStore, clock: FakeClock) -> None:
    bad = new_task("bad", payload=b"", token=2**70)

    results = await asyncio.gather(
        *(store.insert([new_task(f"t{n}")], atomic=True, max_waiting=0) for n in range(5)),
        store.insert([new_task("beside"), bad], atomic=True, max_waiting=0),
        *(store.insert([new_task(f"t{n}")], atomic=True, max_waiting=0) for n in range(5, 10)),
        return_exceptions=True,
    )

    assert [type(result) for result in results].count(InvalidArgument) == 1
    assert sorted(await found_ids(store, clock)) == [f"t{n}" for n in range(10)]
    assert [row.sequence for row in await read(store, *(f"t{n}" for n in range(10)))] == list(range(1, 11))


async def test_texts_that_are_not_unicode_are_refused(store: SqliteStore) -> None:
    for new in (new_task("\ud800"), new_task("a", name="\ud800"), new_task("a", correlation_id="\ud800")):
        with pytest.raises(InvalidArgument, match="cannot be stored"):
            await store.insert([new], atomic=True, max_waiting=0)


async def test_a_caller_that_goes_away_holds_nobody_up(store: SqliteStore, clock: FakeClock) -> None:
    calls = [asyncio.ensure_future(put(store, new_task(f"t{n}"))) for n in range(5)]
    await asyncio.sleep(0)
    calls[2].cancel()

    await asyncio.gather(*calls, return_exceptions=True)
    await put(store, new_task("after"))

    assert calls[2].cancelled()
    assert {"t0", "t1", "t3", "t4", "after"} <= set(await found_ids(store, clock))
