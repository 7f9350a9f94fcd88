from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.contract.steps import claim, complete, found_ids, log_ids, put, read
from tests.fakes.tasks import new_task

from millhand_server.core.ports import Inserted
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Lane, Owner, RetryPolicy
from millhand_server.store.sqlite import CannotOpen, SqliteOptions, SqliteStore, check
from millhand_server.store.sqlite.migrating import LATEST, MIGRATIONS
from millhand_server.testing.clock import FakeClock

DATA = Path(__file__).parents[2] / "data" / "sqlite"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def _declare(path: Path, version: int, min_reader: int) -> None:
    """Makes the file look as if a later version had been at it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO schema VALUES (?, 'later', ?)", (version, min_reader))
        connection.execute("ALTER TABLE task ADD COLUMN later TEXT")


async def _make(path: Path, clock: FakeClock) -> None:
    store = SqliteStore(SqliteOptions(path), clock)
    await store.open()
    await put(store, new_task("a"))
    await store.close()


@pytest.mark.parametrize("file", sorted(DATA.glob("tasks-*.db")), ids=lambda file: file.stem)
async def test_files_of_every_version_are_opened_with_all_that_they_hold(
    file: Path, tmp_path: Path, clock: FakeClock
) -> None:
    path = Path(shutil.copy(file, tmp_path / "tasks.db"))
    store = SqliteStore(SqliteOptions(path), clock)
    await store.open()

    rows = {row.id: row for row in await read(store, *(await found_ids(store, clock)))}
    recovered = await store.recover(Owner("node-1", 2), limit=10)
    again = await store.insert(
        [new_task("other", principal="ann", idempotency_key="k1", correlation_id="c1", id_given=False)],
        atomic=True,
        max_waiting=0,
    )
    [queued] = await claim(store, Lane("mail", "bob", "send"), owner=Owner("node-1", 2))
    await complete(store, queued)

    assert [(name, row.status) for name, row in rows.items()] == [
        ("completed", TaskStatus.COMPLETED),
        ("failed", TaskStatus.FAILED),
        ("cancelled", TaskStatus.CANCELLED),
        ("retrying", TaskStatus.RETRYING),
        ("scheduled", TaskStatus.SCHEDULED),
        ("running", TaskStatus.RUNNING),
        ("claimed", TaskStatus.QUEUED),
        ("queued", TaskStatus.QUEUED),
    ]
    assert (rows["completed"].output, rows["completed"].spec.labels) == (b"out", {"colour": "red"})
    assert rows["retrying"].spec.retry_policy == RetryPolicy(3.0, 9, 0.5, ("NEVER",))
    assert (rows["retrying"].last_heartbeat, len(rows["retrying"].attempts)) == (b"beat", 1)
    assert [(row.id, row.status) for row in recovered.tasks] == [
        ("running", TaskStatus.CANCELLED),
        ("claimed", TaskStatus.QUEUED),
    ]
    assert again == [Inserted(rows["failed"], created=False)]
    assert await log_ids(store) == ["completed", "failed", "cancelled", "running", "queued"]
    await store.close()


async def test_checking_a_file_tells_what_would_be_applied_and_changes_nothing(
    tmp_path: Path, clock: FakeClock
) -> None:
    path = tmp_path / "tasks.db"

    before = check(path)
    was_made = path.exists()
    await _make(path, clock)
    after = check(path)

    assert (before.version, before.pending, was_made) == (0, MIGRATIONS, False)
    assert (after.version, after.pending) == (LATEST, ())


async def test_a_newer_schema_that_this_version_can_read_is_used(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "tasks.db"
    await _make(path, clock)
    _declare(path, LATEST + 1, LATEST)

    store = SqliteStore(SqliteOptions(path), clock)
    await store.open()
    await complete(store, (await claim(store))[0])
    await put(store, new_task("b"))

    assert await found_ids(store, clock) == ["a", "b"]
    assert check(path).version == LATEST + 1
    await store.close()


async def test_a_newer_schema_that_declares_itself_incompatible_is_refused(
    tmp_path: Path, clock: FakeClock
) -> None:
    path = tmp_path / "tasks.db"
    await _make(path, clock)
    _declare(path, LATEST + 1, LATEST + 1)

    with pytest.raises(CannotOpen, match=r"newer server.*install the newer version"):
        await SqliteStore(SqliteOptions(path), clock).open()
    with pytest.raises(CannotOpen, match="newer server"):
        check(path)
