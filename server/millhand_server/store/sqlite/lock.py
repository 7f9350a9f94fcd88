"""The file PATH.lock: who owns the database, how far its log was, and when that process was last alive."""

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


class Found(NamedTuple):
    """What the last owner left: its mark, and when it was last alive; None for what makes no sense."""

    mark: Mark | None
    alive_us: int | None


class LockFile:
    """Owned from `acquire` to `release`, or to the end of the process, however that comes.

    The first line is for people. The second is the mark, written after every group of results and before
    they are acknowledged. The third is the time, written often. Nobody waits for the disk: what is written
    outlives the process, not the machine. Lengths are fixed, so that only the first time needs room there.
    """

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(f"{database.name}.lock")
        self._database = database
        self._file = -1

    def acquire(self) -> Found:
        """Takes the database, and returns what its last owner left.

        Raises:
            CannotOpen: another process has it, or there can be no such file.
        """
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
            _read(self._file)
        except OSError as error:
            self.release()
            raise CannotOpen(f"{self.path} cannot be opened: {error.strerror or error}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = _read(self._file)[:_OWNER_BYTES].strip() or "another process"
            self.release()
            raise CannotOpen(
                f"{self._database} is in use by {owner}; stop that server, or name another database"
            ) from None
        return _parse(_read(self._file)[_OWNER_BYTES:])

    def sign(self, mark: Mark, now_us: int) -> None:
        """Writes who owns the database, a mark and the time; they are on the disk when this returns.

        Raises:
            CannotOpen: it cannot be written.
        """
        owner = f"process {os.getpid()} on {socket.gethostname()}"
        try:
            os.pwrite(self._file, f"{owner[: _OWNER_BYTES - 1]:<{_OWNER_BYTES - 1}}\n".encode(), 0)
            self.write(mark)
            self.beat(now_us)
            os.fsync(self._file)
        except OSError as error:
            raise CannotOpen(f"{self.path} cannot be written: {error.strerror or error}") from None

    def write(self, mark: Mark) -> None:
        """Writes a mark."""
        os.pwrite(self._file, f"{mark.epoch} {mark.inode:020} {mark.position:020}\n".encode(), _OWNER_BYTES)

    def beat(self, now_us: int) -> None:
        """Writes that the owner is alive. Safe from any thread."""
        os.pwrite(self._file, f"{now_us:020}\n".encode(), _OWNER_BYTES + _MARK_BYTES)

    def release(self) -> None:
        """Lets go of the database. The file stays, for its mark."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


_OWNER_BYTES = 128
_MARK_BYTES = 16 + 1 + 20 + 1 + 20 + 1


def _read(file: int) -> str:
    return os.pread(file, 4_096, 0).decode("utf-8", "replace")


def _parse(text: str) -> Found:
    epoch, *numbers = text.split() or ("",)
    if len(numbers) != 3 or not all(number.isdecimal() and number.isascii() for number in numbers):
        return Found(None, None)
    inode, position, alive_us = map(int, numbers)
    return Found(Mark(epoch, inode, position), alive_us)
