"""Names of a database that mislead, and files that are taken away from under a server."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest
from tests.contract.steps import put
from tests.fakes.tasks import new_task

from millhand_server.core.errors import StoreUnavailable
from millhand_server.engine.clock import SystemClock
from millhand_server.store.sqlite import CannotOpen, SqliteOptions, SqliteStore, check

DEADLINE_S = 10


async def _open(path: Path, told: asyncio.Queue[str] | None = None) -> SqliteStore:
    store = SqliteStore(SqliteOptions(path), SystemClock(), on_fatal=(told or asyncio.Queue()).put_nowait)
    await store.open()
    return store


async def test_a_database_with_two_names_is_refused_also_while_it_is_in_use(tmp_path: Path) -> None:
    store = await _open(tmp_path / "tasks.db")
    os.link(tmp_path / "tasks.db", tmp_path / "also.db")

    with pytest.raises(CannotOpen, match="has another name"):
        await _open(tmp_path / "also.db")

    await store.close()


async def test_a_symbolic_link_is_the_database_that_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "tasks.db").symlink_to(tmp_path / "disk" / "real.db")
    store = await _open(tmp_path / "tasks.db")
    await put(store, new_task("a"))

    with pytest.raises(CannotOpen, match="is in use by"):
        await _open(tmp_path / "disk" / "real.db")
    await store.close()
    again = await _open(tmp_path / "disk" / "real.db")

    assert [row and row.id for row in await again.get(["a"])] == ["a"]
    await again.close()


@pytest.mark.parametrize("name", ["tasks.db", "tasks.db-wal"])
@pytest.mark.parametrize("moved", [True, False], ids=["moved", "deleted"])
async def test_a_file_that_is_taken_away_ends_the_use_of_the_store(
    tmp_path: Path, name: str, moved: bool
) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    store = await _open(tmp_path / "tasks.db", told)
    await put(store, new_task("a"))

    (tmp_path / name).rename(tmp_path / "elsewhere") if moved else (tmp_path / name).unlink()
    why = await asyncio.wait_for(told.get(), DEADLINE_S)

    assert "was moved, deleted or replaced" in why
    with pytest.raises(StoreUnavailable):
        await put(store, new_task("b"))
    await store.close()


@pytest.mark.parametrize("name", ["pipe", "folder", "none/x.db", "x" * 300])
async def test_what_cannot_be_a_database_is_refused_alike_by_a_check_and_a_start(
    tmp_path: Path, name: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()

    with pytest.raises(CannotOpen) as checked:
        check(tmp_path / name)
    with pytest.raises(CannotOpen) as started:
        await _open(tmp_path / name)

    assert checked.value.message == started.value.message


def test_a_database_that_does_not_say_its_schema_is_refused(tmp_path: Path) -> None:
    asyncio.run(_make(tmp_path / "tasks.db"))
    with sqlite3.connect(tmp_path / "tasks.db") as connection:
        connection.execute("DELETE FROM schema")
    connection.close()

    with pytest.raises(CannotOpen, match="does not say which schema"):
        check(tmp_path / "tasks.db")


async def _make(path: Path) -> None:
    store = await _open(path)
    await put(store, new_task("a"))
    await store.close()


async def test_a_row_that_nobody_can_read_ends_the_use_of_the_store(tmp_path: Path) -> None:
    await _make(tmp_path / "tasks.db")
    with sqlite3.connect(tmp_path / "tasks.db") as connection:
        connection.execute("UPDATE specification SET spec = x'c1c1c1'")
    connection.close()
    told: asyncio.Queue[str] = asyncio.Queue()
    store = await _open(tmp_path / "tasks.db", told)

    with pytest.raises(StoreUnavailable, match="is damaged"):
        await store.get(["a"])

    assert "is damaged" in await asyncio.wait_for(told.get(), DEADLINE_S)
    await store.close()


@pytest.mark.parametrize("content", [bytes(3_000), "²² ²² ²² ²²".encode() * 30], ids=["zeros", "odd digits"])
async def test_a_lock_file_that_makes_no_sense_is_no_hindrance(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tasks.db.lock").write_bytes(content)

    store = await _open(tmp_path / "tasks.db")

    await store.close()
