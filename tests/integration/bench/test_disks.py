"""Where the bench's databases lie, and the commits that it measures others by."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.bench.commits import commit_rows
from tests.bench.scratch import filesystem_of, scratch, sqlite_url

from millhand_server.config.store_url import parse_store_url


def test_a_scratch_folder_is_removed_with_what_it_has(tmp_path: Path) -> None:
    with scratch(tmp_path / "new") as folder:
        (folder / "tasks.db").write_text("tasks")

    assert list((tmp_path / "new").iterdir()) == []


def test_a_filesystem_without_a_disk_is_told_from_others() -> None:
    assert filesystem_of(Path("/proc")).kind == "proc"


def test_a_path_with_blanks_and_marks_reaches_the_server_as_it_is() -> None:
    path = Path("/a folder/with?marks#and%20signs.db")

    assert parse_store_url(sqlite_url(path)).path == path


def test_every_commit_that_was_timed_is_a_row_in_the_file(tmp_path: Path) -> None:
    measured = commit_rows(tmp_path / "commits.db", 0.05)

    connection = sqlite3.connect(tmp_path / "commits.db")
    try:
        [rows] = connection.execute("SELECT count(*) FROM row").fetchone()
        [mode] = connection.execute("PRAGMA journal_mode").fetchone()
    finally:
        connection.close()
    assert rows >= 1
    assert mode == "wal"
    assert measured["rate"] * 0.05 <= rows
    assert 0 < measured["p50_ms"] <= measured["p99_ms"]
