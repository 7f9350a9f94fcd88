"""The folder in which a run's databases lie, from its beginning to its end, and what kind of disk that is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

#: Filesystems that forget: nothing that is measured on them is durable.
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


@contextmanager
def scratch(below: Path) -> Iterator[Path]:
    """Makes a new folder in `below`, and removes it, with all that it has, when the block is left."""
    below.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=below) as folder:
        yield Path(folder).resolve()


@dataclass(frozen=True)
class Filesystem:
    """What a folder is on: `kind` is ext4 and so on, `device` what it was mounted from."""

    kind: str
    device: str

    @property
    def is_disk(self) -> bool:
        return self.kind not in _IN_MEMORY


def filesystem_of(folder: Path) -> Filesystem:
    """Returns the filesystem of a folder, from the mounts of this process."""
    number = folder.stat().st_dev
    wanted = f"{os.major(number)}:{os.minor(number)}"
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in mounts:
        if mount[2] == wanted:
            # Optional fields end with a dash.
            kind, device = mount[mount.index("-") + 1 :][:2]
            return Filesystem(kind, device)
    return Filesystem("unknown", wanted)


def sqlite_url(path: Path) -> str:
    """Returns the `--store` of a server that keeps its tasks in this file."""
    return f"sqlite:///{quote(str(path))}"
