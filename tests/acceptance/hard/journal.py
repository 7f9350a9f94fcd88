"""The file of a reader that may die at any moment: what it read and its cursor, in one append."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """A result (`task_id`) or a gap (`missed` results, None if nobody knows), and the cursor behind it."""

    cursor: str
    task_id: str = ""
    missed: int | None = None
    replaced: bool = False

    @property
    def is_gap(self) -> bool:
        return not self.task_id


class Journal:
    """Open for appending. An entry is a line; a last line without its end counts as never written."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        content = path.read_bytes()
        os.ftruncate(self._file, content.rfind(b"\n") + 1)
        entries = read(path)
        #: Where reading goes on; "0", the oldest there is, in a new journal.
        self.cursor = entries[-1].cursor if entries else "0"

    def append(self, entry: Entry) -> None:
        os.write(self._file, json.dumps(asdict(entry)).encode() + b"\n")


def read(path: Path) -> list[Entry]:
    """The entries that are complete."""
    content = path.read_bytes()
    complete = content[: content.rfind(b"\n") + 1]
    return [Entry(**json.loads(line)) for line in complete.splitlines()]


def tear(path: Path, size: int) -> None:
    """Takes the last bytes away, as a machine may that loses its power while it writes."""
    os.truncate(path, max(0, path.stat().st_size - size))
