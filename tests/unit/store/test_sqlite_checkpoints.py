from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from millhand_server.store.sqlite.checkpoints import Checkpoints

DEADLINE_S = 10


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a database whose write-ahead log is long enough to be carried over."""
    with (tmp_path / "tasks.db-wal").open("wb") as log:
        log.truncate(16 * 1024 * 1024)
    return tmp_path / "tasks.db"


class Connection(sqlite3.Connection):
    """Runs what a test wishes before it copies."""

    before_copy: Callable[[], object]

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        if "PASSIVE" in sql:
            self.before_copy()
        return super().execute(sql, parameters)


def _connect(before_copy: Callable[[], object]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        ":memory:", isolation_level=None, factory=Connection, check_same_thread=False
    )
    connection.before_copy = before_copy
    return connection


def test_stopping_in_the_middle_of_a_copy_waits_for_it_and_ends(path: Path) -> None:
    copying, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        copying.set()
        go_on.wait(DEADLINE_S)

    writing = sqlite3.connect(":memory:", isolation_level=None)
    checkpoints = Checkpoints(path, lambda: _connect(hold))
    checkpoints.after_commit(writing)
    assert copying.wait(DEADLINE_S)

    stopping = threading.Thread(target=checkpoints.stop, daemon=True)
    stopping.start()
    go_on.set()
    stopping.join(DEADLINE_S)

    assert not stopping.is_alive()
    writing.close()


def test_the_writer_ends_what_the_thread_began_and_begins_the_next_only_then(path: Path) -> None:
    copies = threading.Semaphore(0)
    statements: list[str] = []
    writing = sqlite3.connect(":memory:", isolation_level=None)
    writing.set_trace_callback(statements.append)
    checkpoints = Checkpoints(path, lambda: _connect(copies.release))

    for _ in range(3):
        checkpoints.after_commit(writing)
        assert copies.acquire(timeout=DEADLINE_S)
        ended = len(statements)
        while len(statements) == ended:
            checkpoints.after_commit(writing)

    checkpoints.stop()
    assert sum("TRUNCATE" in statement for statement in statements) == 3
    assert not copies.acquire(blocking=False)
    writing.close()


def test_a_log_that_is_not_there_has_no_bytes(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "tasks.db", lambda: _connect(lambda: None))

    assert checkpoints.log_bytes() == 0
    checkpoints.stop()
