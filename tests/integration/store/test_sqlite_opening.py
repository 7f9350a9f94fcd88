from __future__ import annotations

import os
import shutil
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.contract.steps import put, read
from tests.fakes.mounts import read_only, tmpfs
from tests.fakes.tasks import new_task

from millhand_server.core.errors import StoreUnavailable
from millhand_server.store.sqlite import CannotOpen, SqliteOptions, SqliteStore, check
from millhand_server.testing.clock import FakeClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tasks.db"


def _store(path: Path) -> SqliteStore:
    return SqliteStore(SqliteOptions(path), FakeClock())


async def _make(path: Path, tasks: int = 1) -> None:
    store = _store(path)
    await store.open()
    await put(store, *(new_task(f"t{n}", payload=b"x" * 1_000) for n in range(tasks)))
    await store.close()


def _other_program_s(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")


def _cut_short(path: Path) -> None:
    _other_program_s(path)
    os.truncate(path, 2_000)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        pytest.param(lambda path: path.mkdir(), "is a directory; name a file in it", id="directory"),
        pytest.param(
            _other_program_s, "is another program's database; name another file", id="another program's"
        ),
        pytest.param(
            lambda path: path.write_text("tasks: none\n" * 100),
            "is not an SQLite database",
            id="not a database",
        ),
        pytest.param(_cut_short, "is damaged; restore a backup", id="cut short"),
    ],
)
async def test_a_file_that_cannot_be_used_is_refused_in_a_sentence_and_left_alone(
    path: Path, make: Callable[[Path], object], sentence: str
) -> None:
    make(path)
    before = path.is_dir() or path.read_bytes()

    with pytest.raises(CannotOpen, match=sentence) as raised:
        await _store(path).open()
    with pytest.raises(CannotOpen, match=sentence):
        check(path)

    assert str(path) in raised.value.message
    assert (path.is_dir() or path.read_bytes()) == before


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotOpen, match=r"the directory .*nowhere does not exist; make it"):
        await _store(tmp_path / "nowhere" / "tasks.db").open()


async def test_a_second_server_is_refused_and_told_whose_the_file_is(path: Path) -> None:
    owner = _store(path)
    await owner.open()

    with pytest.raises(CannotOpen, match=f"in use by process {os.getpid()} on {socket.gethostname()}; stop"):
        await _store(path).open()

    await put(owner, new_task("still works"))
    await owner.close()
    successor = _store(path)
    await successor.open()
    assert len(await read(successor, "still works")) == 1
    await successor.close()


async def test_a_file_of_which_a_part_is_damaged_tells_so_when_that_is_read(path: Path) -> None:
    await _make(path, tasks=500)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 4)
        file.write(b"\xff" * (path.stat().st_size // 2))
    told: list[str] = []
    store = SqliteStore(SqliteOptions(path), FakeClock(), on_fatal=told.append)

    async def read_all() -> None:
        await store.open()
        await store.get([f"t{n}" for n in range(500)])

    with pytest.raises(StoreUnavailable, match="is damaged; restore a backup"):
        await read_all()

    await store.close()


async def test_a_read_only_disk_is_refused_in_a_sentence(tmp_path: Path) -> None:
    await _make(tmp_path / "tasks.db")
    with tmpfs(tmp_path / "disk") as disk:
        shutil.copy(tmp_path / "tasks.db", disk)
        with read_only(disk), pytest.raises(CannotOpen, match=r"(?i)read-only"):
            await _store(disk / "tasks.db").open()


async def test_a_file_that_may_not_be_written_is_refused_in_a_sentence(path: Path) -> None:
    await _make(path)
    path.chmod(0o444)
    if os.access(path, os.W_OK):
        pytest.skip("root may write every file")

    with pytest.raises(CannotOpen, match="read-only"):
        await _store(path).open()


async def test_synchronous_can_be_chosen(path: Path) -> None:
    store = SqliteStore(SqliteOptions(path, synchronous="NORMAL"), FakeClock())
    await store.open()

    await put(store, new_task("a"))

    await store.close()
