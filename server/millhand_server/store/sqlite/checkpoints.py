"""Keeps the write-ahead log short without making commits wait for it."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable

from millhand_server.store.sqlite.wal import FULL_BYTES, WriteAheadLog

logger = logging.getLogger(__name__)

#: A file that has become longer than this is cut.
_LONG_BYTES = 4 * FULL_BYTES
#: After so much more the next try follows one that failed.
_PUT_OFF_BYTES = FULL_BYTES // 4
#: Beyond this size something keeps the log from being begun anew, such as a backup that reads for long.
_ALARMING_BYTES = 256 * 1024 * 1024

#: How long the end of a checkpoint waits for readers, who read in short pages.
_PATIENCE_MS = 20


class Checkpoints:
    """A thread with a connection of its own copies the log's pages into the database while others write.

    What was written meanwhile is little: the writer copies it between two groups, where nobody holds a lock
    that it would have to wait for, and begins the log anew.
    """

    def __init__(self, log: WriteAheadLog, connect: Callable[[], sqlite3.Connection]) -> None:
        self._log = log
        self._connect = connect
        self._is_due = threading.Event()
        self._copied = threading.Event()
        self._is_stopped = False
        #: The writer's: whether one has begun and not ended.
        self._is_under_way = False
        self._is_alarmed = False
        self._due_bytes = FULL_BYTES
        self._thread = threading.Thread(target=self._run, name="millhand-store-checkpoints", daemon=True)
        self._thread.start()

    def after_commit(self, writing: sqlite3.Connection) -> None:
        """Ends a checkpoint, or begins one, if it is time. For the writer, between two transactions."""
        if self._copied.is_set():
            self._copied.clear()
            self._begin_anew(writing)
            self._is_under_way = False
        elif not self._is_under_way and self._log.used_bytes() >= self._due_bytes:
            self._is_under_way = True
            self._is_due.set()

    def stop(self) -> None:
        """Returns when the thread has ended."""
        self._is_stopped = True
        self._is_due.set()
        self._thread.join()

    def _run(self) -> None:
        connection = self._connect()
        try:
            while self._is_due.wait():
                # Cleared before the look: who stops sets both, the other way round.
                self._is_due.clear()
                if self._is_stopped:
                    return
                self._copy(connection)
                self._copied.set()
        finally:
            connection.close()

    def _copy(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error:
            # Such as a full disk. The log keeps what it has; the writer meets the same, and says it.
            logger.debug("the write-ahead log cannot be carried over", exc_info=True)

    def _begin_anew(self, writing: sqlite3.Connection) -> None:
        is_long = self._log.file_bytes() > _LONG_BYTES
        writing.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
        try:
            writing.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if is_long else 'RESTART'})").fetchone()
            if is_long:
                self._log.fill_up()
        except (sqlite3.Error, OSError) as error:
            self._put_off(error)
        else:
            self._due_bytes = FULL_BYTES
        finally:
            writing.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        self._watch(self._log.file_bytes())

    def _put_off(self, error: Exception) -> None:
        if self._due_bytes == FULL_BYTES:
            logger.warning("the write-ahead log cannot be begun anew, and grows meanwhile: %s", error)
        self._due_bytes = self._log.used_bytes() + _PUT_OFF_BYTES

    def _watch(self, size: int) -> None:
        if size >= _ALARMING_BYTES and not self._is_alarmed:
            logger.warning(
                "the write-ahead log %s has %d bytes: another program reads the database without a break",
                self._log.path,
                size,
            )
        self._is_alarmed = size >= _ALARMING_BYTES


#: How long a lock of another program is waited for.
BUSY_TIMEOUT_MS = 5_000
