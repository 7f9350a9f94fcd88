from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from millhand_server.store.sqlite.checkpoints import Checkpoints
from millhand_server.store.sqlite.wal import FULL_BYTES, WriteAheadLog

DEADLINE_S = 10


@pytest.fixture
def log(tmp_path: Path) -> Iterator[WriteAheadLog]:
    """A write-ahead log with enough in it to be carried over."""
    (tmp_path / "tasks.db-shm").write_bytes(bytes(16) + (5_000).to_bytes(4, sys.byteorder))
    log = WriteAheadLog(tmp_path / "tasks.db")
    yield log
    log.close()


class Connection(sqlite3.Connection):
    """Runs what a test wishes before it copies."""

    before_copy: Callable[[], object]
    fails = False
    tries = 0

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        if "PASSIVE" in sql:
            self.before_copy()
        if self.fails and "RESTART" in sql:
            self.tries += 1
            raise sqlite3.OperationalError("as the test wished")
        return super().execute(sql, parameters)


def _connect(before_copy: Callable[[], object]) -> Connection:
    connection = sqlite3.connect(
        ":memory:", isolation_level=None, factory=Connection, check_same_thread=False
    )
    connection.before_copy = before_copy
    return connection


def test_stopping_in_the_middle_of_a_copy_waits_for_it_and_ends(log: WriteAheadLog) -> None:
    copying, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        copying.set()
        go_on.wait(DEADLINE_S)

    writing = sqlite3.connect(":memory:", isolation_level=None)
    checkpoints = Checkpoints(log, lambda: _connect(hold))
    checkpoints.after_commit(writing)
    assert copying.wait(DEADLINE_S)

    stopping = threading.Thread(target=checkpoints.stop, daemon=True)
    stopping.start()
    go_on.set()
    stopping.join(DEADLINE_S)

    assert not stopping.is_alive()
    writing.close()


def test_the_writer_ends_what_the_thread_began_and_begins_the_next_only_then(log: WriteAheadLog) -> None:
    copies = threading.Semaphore(0)
    statements: list[str] = []
    writing = sqlite3.connect(":memory:", isolation_level=None)
    writing.set_trace_callback(statements.append)
    checkpoints = Checkpoints(log, lambda: _connect(copies.release))

    for _ in range(3):
        checkpoints.after_commit(writing)
        assert copies.acquire(timeout=DEADLINE_S)
        ended = len(statements)
        while len(statements) == ended:
            checkpoints.after_commit(writing)

    checkpoints.stop()
    assert sum("RESTART" in statement for statement in statements) == 3
    assert not copies.acquire(blocking=False)
    writing.close()


def test_a_log_that_has_grown_too_long_is_cut_and_filled_up_again(log: WriteAheadLog) -> None:
    copied = threading.Event()
    statements: list[str] = []
    writing = sqlite3.connect(":memory:", isolation_level=None)
    writing.set_trace_callback(statements.append)
    with open(log.path, "wb") as file:
        file.truncate(5 * FULL_BYTES)
    checkpoints = Checkpoints(log, lambda: _connect(copied.set))

    checkpoints.after_commit(writing)
    assert copied.wait(DEADLINE_S)
    while not statements:
        checkpoints.after_commit(writing)

    checkpoints.stop()
    assert any("TRUNCATE" in statement for statement in statements)
    writing.close()


def test_a_log_that_cannot_be_begun_anew_is_said_once_and_tried_again_when_it_has_grown(
    log: WriteAheadLog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copies = threading.Semaphore(0)
    writing = _connect(lambda: None)
    writing.fails = True
    checkpoints = Checkpoints(log, lambda: _connect(copies.release))

    for frames in (5_000, 6_500, 8_000):
        (tmp_path / "tasks.db-shm").write_bytes(bytes(16) + frames.to_bytes(4, sys.byteorder))
        tries = writing.tries
        checkpoints.after_commit(writing)
        assert copies.acquire(timeout=DEADLINE_S)
        while writing.tries == tries:
            checkpoints.after_commit(writing)
        for _ in range(10):
            checkpoints.after_commit(writing)

    checkpoints.stop()
    assert writing.tries == 3
    assert len(caplog.records) == 1
    writing.close()
