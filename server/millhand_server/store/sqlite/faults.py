"""What SQLite's errors mean to the store, and the sentences that say what to do about them."""

from __future__ import annotations

import sqlite3
from enum import Enum
from pathlib import Path

from millhand_server.core.errors import StoreOutcomeUnknown, StoreUnavailable


class CannotOpen(StoreUnavailable):
    """The database cannot be used as it is. The message is a sentence that says what to do."""


class StoreBroken(StoreOutcomeUnknown):
    """The database failed in a way that only a new start can settle. The process should end."""


class Damaged(sqlite3.DatabaseError):
    """A row holds what no server has written. To be judged as SQLite's own word for it."""

    def __init__(self, sequence: int) -> None:
        super().__init__(f"the task with the sequence {sequence} cannot be read")
        self.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        self.sqlite_errorname = "SQLITE_CORRUPT"


class Fault(Enum):
    """How an error of SQLite is to be taken."""

    #: Nothing was done, and it may go well later: no room, read-only, locked by another program.
    PASSING = "passing"
    #: Nobody knows what the file holds now: an I/O error, or damage.
    FATAL = "fatal"
    #: Neither: a statement of ours was wrong.
    OURS = "ours"


def fault_of(error: sqlite3.Error) -> Fault:
    """Tells how an error is to be taken."""
    code = _code(error)
    if code in _NO_ROOM or code & _PRIMARY in _PASSING:
        return Fault.PASSING
    return Fault.FATAL if code & _PRIMARY in _FATAL else Fault.OURS


def unavailable(error: sqlite3.Error, path: Path) -> StoreUnavailable:
    """Returns what a verb raises that was not done."""
    return StoreUnavailable(f"{sentence(error, path)}; nothing was changed")


def sentence(error: sqlite3.Error, path: Path) -> str:
    """Says what is wrong with the database, and what to do."""
    code = _code(error)
    text = _SENTENCES.get(sqlite3.SQLITE_FULL if code in _NO_ROOM else code & _PRIMARY)
    return text.format(path=path) if text else f"the database {path} failed: {error} ({_name(error)})"


_PRIMARY = 0xFF

#: Names that sqlite3 knows from Python 3.11 on only as the number: the file beside the log cannot grow.
_IOERR_SHMSIZE = sqlite3.SQLITE_IOERR | (19 << 8)
_NO_ROOM = {_IOERR_SHMSIZE}

_PASSING = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
}
_FATAL = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

_SENTENCES = {
    sqlite3.SQLITE_FULL: "there is no room left on the disk of {path}",
    sqlite3.SQLITE_READONLY: "{path} cannot be written: the file, its directory or its disk is read-only",
    sqlite3.SQLITE_BUSY: "another program holds a lock on {path}; it must let go of the file",
    sqlite3.SQLITE_LOCKED: "another program holds a lock on {path}; it must let go of the file",
    sqlite3.SQLITE_CANTOPEN: "{path} or a file beside it cannot be opened; look at the permissions there",
    sqlite3.SQLITE_PERM: "{path} may not be used; look at its permissions",
    sqlite3.SQLITE_CORRUPT: (
        "{path} is damaged; restore a backup, or save what can be read with `sqlite3 {path} .recover`"
    ),
    sqlite3.SQLITE_NOTADB: "{path} is not an SQLite database; name another file",
    sqlite3.SQLITE_IOERR: "the disk of {path} fails to read or write; look at the system's log",
}


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0)


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", type(error).__name__)
