"""What a reader's cursor is worth after the file was restored, copied or moved."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.contract.steps import finish_one, log_ids
from tests.fakes.tasks import new_task

from millhand_server.store.sqlite import SqliteOptions, SqliteStore
from millhand_server.testing.clock import FakeClock

Open = Callable[[Path], Awaitable[tuple[SqliteStore, str]]]


@pytest.fixture
async def open_store() -> AsyncIterator[Open]:
    """Opens a store and tells the epoch of its log."""
    stores: list[SqliteStore] = []

    async def open_one(path: Path) -> tuple[SqliteStore, str]:
        store = SqliteStore(SqliteOptions(path), FakeClock())
        stores.append(store)
        return store, await store.open()

    yield open_one
    for store in stores:
        await store.close()


def _back_up(path: Path, to: Path) -> Path:
    """Takes a backup of a database in use, as the operations page says."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(to),))
    return to


def _restore(backup: Path, path: Path) -> None:
    """Puts a backup back, as the operations page says."""
    for name in (f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    shutil.copyfile(backup, path)


async def test_a_restart_keeps_the_epoch(tmp_path: Path, open_store: Open) -> None:
    path = tmp_path / "tasks.db"
    store, epoch = await open_store(path)
    await finish_one(store, new_task("a"))
    await store.close()

    assert (await open_store(path))[1] == epoch


async def test_a_restored_backup_has_a_new_epoch_and_all_that_it_held(
    tmp_path: Path, open_store: Open
) -> None:
    path = tmp_path / "tasks.db"
    store, epoch = await open_store(path)
    await finish_one(store, new_task("a"))
    backup = _back_up(path, tmp_path / "backup.db")
    await finish_one(store, new_task("b"))
    await store.close()

    _restore(backup, path)
    restored, restored_epoch = await open_store(path)
    await finish_one(restored, new_task("c"))
    await restored.close()

    assert restored_epoch != epoch
    assert (await open_store(path))[1] == restored_epoch


async def test_a_backup_under_load_has_all_that_was_acknowledged_before(
    tmp_path: Path, open_store: Open
) -> None:
    store, _ = await open_store(tmp_path / "tasks.db")
    acknowledged: list[str] = []
    enough, is_done = asyncio.Event(), asyncio.Event()

    async def load() -> None:
        while not is_done.is_set():
            name = f"t{len(acknowledged)}"
            await finish_one(store, new_task(name))
            acknowledged.append(name)
            if len(acknowledged) == 20:
                enough.set()

    loading = asyncio.create_task(load())
    await enough.wait()
    before = list(acknowledged)
    backup = await asyncio.to_thread(_back_up, tmp_path / "tasks.db", tmp_path / "backup.db")
    is_done.set()
    await loading
    restored, _ = await open_store(backup)
    log = await log_ids(restored)

    assert log[: len(before)] == before
    assert log == acknowledged[: len(log)]


async def test_a_backup_that_misses_no_result_goes_on_as_the_same_log(
    tmp_path: Path, open_store: Open
) -> None:
    path = tmp_path / "tasks.db"
    store, epoch = await open_store(path)
    await finish_one(store, new_task("a"))
    backup = _back_up(path, tmp_path / "backup.db")
    await store.close()

    _restore(backup, path)
    restored, restored_epoch = await open_store(path)

    assert restored_epoch == epoch
    assert await log_ids(restored) == ["a"]


async def test_a_copy_is_another_log(tmp_path: Path, open_store: Open) -> None:
    path, copy = tmp_path / "tasks.db", tmp_path / "copy.db"
    store, epoch = await open_store(path)
    await finish_one(store, new_task("a"))
    await store.close()
    for suffix in ("", ".lock"):
        shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")

    _, of_copy = await open_store(copy)

    assert of_copy != epoch
    assert (await open_store(path))[1] == epoch


@pytest.mark.parametrize("with_mark", [True, False], ids=["with its lock file", "alone"])
async def test_a_file_that_was_moved_keeps_its_epoch_with_its_lock_file_only(
    tmp_path: Path, open_store: Open, with_mark: bool
) -> None:
    path, moved = tmp_path / "tasks.db", tmp_path / "moved.db"
    store, epoch = await open_store(path)
    await finish_one(store, new_task("a"))
    await store.close()

    path.rename(moved)
    if with_mark:
        path.with_name("tasks.db.lock").rename(tmp_path / "moved.db.lock")
    _, after = await open_store(moved)

    assert (after == epoch) is with_mark


async def test_a_lock_file_that_makes_no_sense_is_no_mark(tmp_path: Path, open_store: Open) -> None:
    path = tmp_path / "tasks.db"
    store, epoch = await open_store(path)
    await store.close()
    path.with_name("tasks.db.lock").write_text("what?\n" * 100)

    assert (await open_store(path))[1] != epoch
