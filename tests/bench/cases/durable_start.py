"""The start of a server whose database has many waiting tasks: time to the first that runs, and memory."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.case import Bar, Figure, Measured, Prepared, Preparing, Scale
from tests.bench.cases.backlog import copy_of_backlog
from tests.bench.processes import Child, most_resident_bytes, start_load, start_server
from tests.bench.scratch import sqlite_url

_FEW = 10_000

#: Each turn copies a database.
_ROUNDS = 3


@contextmanager
def durable_start(scale: Scale) -> Preparing:
    """Measures from before the process is made, with a file that nobody has read since it was written."""
    with start_load() as load:
        arms = {f"{number:,} queued": partial(_turn, scale, load, number) for number in (_FEW, scale.deep)}
        full = f"{scale.deep:,} queued"
        figures = [
            Figure(
                f"SQLite: s from start to first task running, {full}",
                full,
                "seconds",
                bar=Bar(3, at_most=True),
            ),
            Figure(f"SQLite: MB in RAM at most, {full}", full, "megabytes", bar=Bar(200, at_most=True)),
        ]
        yield Prepared("Starting before a queue on SQLite", "task", arms, figures, rounds=_ROUNDS)


def _turn(scale: Scale, load: Child, number: int) -> Measured:
    # A folder for each: what a server leaves beside its database belongs to no other.
    with TemporaryDirectory(dir=scale.scratch) as folder:
        path = copy_of_backlog(scale, number, Path(folder) / "start.db")
        began = time.time()
        with start_server(sqlite_url(path), "--max-queued", str(2 * scale.deep)) as server:
            first = load.ask(do="first_start", address=server.address)
            # What memory it takes shows when it works.
            session = partial(load.ask, do="session", size=100, under_way=2_000, seconds=scale.window_s)
            measured: Measured = session(address=server.address, pid=server.pid)
            most = most_resident_bytes(server.pid)
            return {**measured, "seconds": first - began, "megabytes": most / 1e6}
