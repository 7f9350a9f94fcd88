from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from millhand_server.store.sqlite.wal import FULL_BYTES, WriteAheadLog


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database with a write-ahead log that nothing carries over by itself."""
    connection = sqlite3.connect(tmp_path / "tasks.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE numbers (number INTEGER)")
    yield connection
    connection.close()


@pytest.fixture
def log(database: sqlite3.Connection, tmp_path: Path) -> Iterator[WriteAheadLog]:
    log = WriteAheadLog(tmp_path / "tasks.db")
    yield log
    database.close()
    log.close()


def test_what_is_in_use_is_what_was_written_since_the_log_was_begun(
    database: sqlite3.Connection, log: WriteAheadLog
) -> None:
    before = log.used_bytes()
    database.execute("INSERT INTO numbers VALUES (1)")
    written = log.used_bytes()
    database.execute("PRAGMA wal_checkpoint(RESTART)")
    database.execute("INSERT INTO numbers VALUES (2)")

    assert 0 < before < written == log.file_bytes() - 32
    assert 0 < log.used_bytes() < before


def test_a_log_that_is_filled_up_keeps_what_is_in_it_and_does_not_grow(
    database: sqlite3.Connection, log: WriteAheadLog, tmp_path: Path
) -> None:
    database.execute("INSERT INTO numbers VALUES (1)")
    log.fill_up()
    database.execute("INSERT INTO numbers VALUES (2)")

    with sqlite3.connect(tmp_path / "tasks.db") as other:
        numbers = other.execute("SELECT number FROM numbers").fetchall()
    other.close()
    assert numbers == [(1,), (2,)]
    assert log.file_bytes() == FULL_BYTES


def test_a_log_that_was_filled_up_is_read_again_after_a_crash(
    database: sqlite3.Connection, log: WriteAheadLog, tmp_path: Path
) -> None:
    log.fill_up()
    database.execute("INSERT INTO numbers VALUES (1)")
    for name in ("tasks.db", "tasks.db-wal"):
        (tmp_path / f"copy-{name}").write_bytes((tmp_path / name).read_bytes())
    (tmp_path / "copy-tasks.db-wal").rename(tmp_path / "copy.db-wal")
    (tmp_path / "copy-tasks.db").rename(tmp_path / "copy.db")

    connection = sqlite3.connect(tmp_path / "copy.db")

    assert connection.execute("SELECT number FROM numbers").fetchall() == [(1,)]
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_log_that_is_not_there_has_no_length(log: WriteAheadLog) -> None:
    Path(log.path).unlink()

    assert log.file_bytes() == 0
