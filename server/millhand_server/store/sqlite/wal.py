"""The file of the write-ahead log: how much of it is in use, and that it need not grow.

A commit that makes its file longer has the file system write that down as well: on ext4 it takes two to five
times as long as one that overwrites. So the log has its full length from the start, and keeps it.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

#: So long it is from the start, and from so much content on it is carried over into the database.
FULL_BYTES = 16 * 1024 * 1024

#: One frame: a page and its header. See "Write-Ahead Log File Format" and "WAL-Index Header" in
#: https://www.sqlite.org/walformat.html
_FRAME_BYTES = 4096 + 24
_LAST_FRAME = struct.Struct("=I")
_LAST_FRAME_AT = 16

_ZEROS = bytes(1024 * 1024)


class WriteAheadLog:
    """Looks at the log of an open database. Safe from any thread.

    The index beside the log stays open from here to `close`, which must come after all connections were
    closed: a process that closes a file lets go of every lock that it has on it, SQLite's too.
    """

    def __init__(self, database: Path) -> None:
        """Takes a database to which a connection is open."""
        # Texts: this is looked at after every commit, and a path takes twice as long.
        self.path = f"{database}-wal"
        self._index = os.open(f"{database}-shm", os.O_RDONLY | os.O_CLOEXEC)

    def used_bytes(self) -> int:
        """Returns how much is in the log that is not begun anew yet."""
        header = os.pread(self._index, _LAST_FRAME.size, _LAST_FRAME_AT)
        return _LAST_FRAME.unpack(header)[0] * _FRAME_BYTES if header else 0

    def file_bytes(self) -> int:
        """Returns the length of the file."""
        try:
            return os.stat(self.path).st_size
        except FileNotFoundError:
            return 0

    def fill_up(self) -> None:
        """Makes the file as long as it should be; what lies behind the last frame is nothing to SQLite.

        Raises:
            OSError: there is no room for that, or it cannot be written. Then it grows as it is used.
        """
        with open(self.path, "r+b", buffering=0) as file:
            start = file.seek(0, os.SEEK_END)
            try:
                while (missing := FULL_BYTES - file.tell()) > 0:
                    file.write(_ZEROS[:missing])
                os.fsync(file.fileno())
            except OSError:
                file.truncate(start)
                raise

    def close(self) -> None:
        os.close(self._index)
