"""Opens the database file: whose it is, how it is used, what its schema lacks, and which log it holds."""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
from pathlib import Path

from millhand_server.core.ports import Clock
from millhand_server.store.sqlite.checkpoints import BUSY_TIMEOUT_MS
from millhand_server.store.sqlite.faults import CannotOpen, sentence
from millhand_server.store.sqlite.ledger import Ledger, read_ledger
from millhand_server.store.sqlite.lock import LockFile, Mark
from millhand_server.store.sqlite.migrating import migrate, plan
from millhand_server.store.sqlite.naming import usable
from millhand_server.store.sqlite.statements import statement
from millhand_server.store.sqlite.wal import WriteAheadLog

logger = logging.getLogger(__name__)

#: The first that has all that the statements here need (STRICT, RETURNING, JSON built in).
_OLDEST_SQLITE = (3, 38)

_WRITER_CACHE_KIB = 32 * 1024
_READER_CACHE_KIB = 8 * 1024


class Database:
    """The open file, which belongs to this process until `close`. Made on any thread."""

    def __init__(self, path: Path, synchronous: str, clock: Clock) -> None:
        """Opens the file, makes it if there is none, and brings its schema up to date.

        Raises:
            CannotOpen: it cannot be used as it is; the message says what to do.
        """
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            oldest = ".".join(map(str, _OLDEST_SQLITE))
            raise CannotOpen(
                f"SQLite {sqlite3.sqlite_version} is too old; this store needs {oldest} or newer"
            )
        self.path = path = usable(path)
        self.synchronous = synchronous
        self._clock = clock
        self._lock = LockFile(path)
        found = self._lock.acquire()
        try:
            self.writing = self._open_for_writing()
            self._inode = path.stat().st_ino
            #: The epoch of the log, and the sums.
            self.epoch, self.ledger = self._settle_epoch(found.mark)
            self.wal = WriteAheadLog(path)
            self._fill_up_wal()
            self._names = self._look()
        except sqlite3.Error as error:
            self._lock.release()
            raise CannotOpen(sentence(error, path)) from None
        except OSError as error:
            self._lock.release()
            raise CannotOpen(f"{error.filename or path} cannot be used: {error.strerror or error}") from None
        except BaseException:
            self._lock.release()
            raise

        #: When the process that had the file before was last alive; in doubt, when it last wrote.
        self.earlier_until_us = max(found.alive_us or 0, self.ledger.latest_us)

    def connect_to_read(self) -> sqlite3.Connection:
        """Returns one more connection, which cannot write. For any one thread."""
        connection = self._connect(_READER_CACHE_KIB)
        connection.execute("PRAGMA query_only = ON")
        return connection

    def connect_for_checkpoints(self) -> sqlite3.Connection:
        """Returns one more connection, for checkpoints only. For any one thread."""
        return self._connect(_READER_CACHE_KIB)

    def is_in_place(self) -> bool:
        """Tells whether the files that are open are still those of these names. Safe from any thread."""
        return self._names == self._look()

    def _look(self) -> list[tuple[int, int] | None]:
        return [_identity(name) for name in (str(self.path), self.wal.path)]

    def mark(self, position: int) -> None:
        """Notes beside the file how far its log is. Safe from any thread.

        Raises:
            OSError: it cannot be noted.
        """
        self._lock.write(self._mark(position))

    def beat(self) -> None:
        """Notes beside the file that its owner is alive. Safe from any thread.

        Raises:
            OSError: it cannot be noted.
        """
        self._lock.beat(self._clock.now_us())

    def close(self) -> None:
        """Carries the write-ahead log over, and lets go of the file. Other connections are closed before."""
        self.writing.close()
        self.wal.close()
        self._lock.release()

    def _fill_up_wal(self) -> None:
        try:
            self.wal.fill_up()
        except OSError as error:
            logger.warning("%s cannot have its full length yet: %s", self.wal.path, error.strerror or error)

    def _open_for_writing(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        # Looked into before anything is done to it: another program's file is left as it is.
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        plan(connection, self.path)
        [mode] = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise CannotOpen(f"{self.path} cannot have a write-ahead log; put it on a local disk")
        self._configure(connection, _WRITER_CACHE_KIB)
        migrate(connection, self.path)
        # So that a file which cannot be written is refused now and not at the first task.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")

    def _connect(self, cache_kib: int) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._configure(connection, cache_kib)
        return connection

    def _configure(self, connection: sqlite3.Connection, cache_kib: int) -> None:
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
            f"synchronous = {self.synchronous}",
            f"cache_size = -{cache_kib}",
            # Checkpoints have a thread of their own: a commit that has to make one takes many times as long.
            "wal_autocheckpoint = 0",
            # Some builds overwrite what they delete; nobody asked for that here.
            "secure_delete = OFF",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")

    def _settle_epoch(self, mark: Mark | None) -> tuple[str, Ledger]:
        """Returns the epoch of the log and the sums.

        The epoch is a new one unless the mark beside the file says that this very file was the last one used,
        and that its log has not become shorter. A restored backup would fill positions again that readers
        have seen with other results in them, and so would two copies that both go on.
        """
        found = self.writing.execute(statement("ledger")).fetchone()
        epoch = secrets.token_hex(8)
        if found is None:
            self.writing.execute(statement("begin_ledger"), (epoch,))
        elif not self._is_continued(mark, *read_ledger(self.writing)):
            self.writing.execute(statement("renew_epoch"), (epoch,))
        settled, ledger = read_ledger(self.writing)
        self.epoch = settled
        self._lock.sign(self._mark(ledger.last_position), self._clock.now_us())
        return settled, ledger

    def _is_continued(self, mark: Mark | None, epoch: str, ledger: Ledger) -> bool:
        return (
            mark is not None
            and mark.epoch == epoch
            and mark.inode == self._inode
            and mark.position <= ledger.last_position
        )

    def _mark(self, position: int) -> Mark:
        return Mark(self.epoch, self._inode, position)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
