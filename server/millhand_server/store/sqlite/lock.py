"""The file PATH.lock: who owns the database, and what the log was when that process last wrote to it."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from typing import NamedTuple

from millhand_server.store.sqlite.faults import CannotOpen


class Mark(NamedTuple):
    """What the file at `inode` held when its owner last wrote: the epoch and the last position of its log."""

    epoch: str
    inode: int
    position: int


class LockFile:
    """Owned from `acquire` to `release`, or to the end of the process, however that comes.

    The first line is for people, the second is the mark. It is written after every group of results and
    before they are acknowledged, without waiting for the disk: it outlives the process, not the machine.
    """

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(f"{database.name}.lock")
        self._database = database
        self._file = -1

    def acquire(self) -> Mark | None:
        """Takes the database, and returns the mark of its last owner; None when there is none.

        Raises:
            CannotOpen: another process has it, or there can be no such file.
        """
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise CannotOpen(f"{self.path} cannot be opened: {error.strerror or error}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = _read(self._file)[:_OWNER_BYTES].strip() or "another process"
            self.release()
            raise CannotOpen(
                f"{self._database} is in use by {owner}; stop that server, or name another database"
            ) from None
        return _parse_mark(_read(self._file)[_OWNER_BYTES:])

    def sign(self, mark: Mark) -> None:
        """Writes who owns the database, and a mark that is on the disk when this returns.

        Raises:
            CannotOpen: it cannot be written.
        """
        owner = f"process {os.getpid()} on {socket.gethostname()}"
        try:
            os.pwrite(self._file, f"{owner[: _OWNER_BYTES - 1]:<{_OWNER_BYTES - 1}}\n".encode(), 0)
            self.write(mark)
            os.fsync(self._file)
        except OSError as error:
            raise CannotOpen(f"{self.path} cannot be written: {error.strerror or error}") from None

    def write(self, mark: Mark) -> None:
        """Writes a mark. All have one length, so that only the first one needs room on the disk."""
        os.pwrite(self._file, f"{mark.epoch} {mark.inode:020} {mark.position:020}\n".encode(), _OWNER_BYTES)

    def release(self) -> None:
        """Lets go of the database. The file stays, for its mark."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


_OWNER_BYTES = 128


def _read(file: int) -> str:
    return os.pread(file, 4_096, 0).decode("utf-8", "replace")


def _parse_mark(text: str) -> Mark | None:
    parts = text.split()
    if len(parts) != len(Mark._fields) or not (parts[1].isdigit() and parts[2].isdigit()):
        return None
    return Mark(parts[0], int(parts[1]), int(parts[2]))
