"""A database in which many tasks wait: made once a run, by a server, and copied for each that needs one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.bench.case import Scale
from tests.bench.processes import start_load, start_server
from tests.bench.scratch import sqlite_url


def copy_of_backlog(scale: Scale, number: int, path: Path) -> Path:
    """Makes `path` a database in which `number` tasks wait for the handler `echo`, and returns it.

    It is not in the page cache: who opens it reads from the disk.
    """
    shutil.copyfile(_backlog(scale, number), path)
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return path


def _backlog(scale: Scale, number: int) -> Path:
    path = scale.scratch / f"backlog-{number}.db"
    if not path.exists():
        with (
            start_server(sqlite_url(path), "--max-queued", str(number)) as server,
            start_load() as load,
        ):
            load.ask(do="set_workers", address=server.address, count=0)
            load.ask(do="fill", address=server.address, number=number)
            server.stop()
    return path
