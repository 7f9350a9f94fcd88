"""The memory that a queued task takes, with its place in the index by id and in the order."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial

from tests.bench.case import Bar, Figure, Measured, Prepared, Preparing, Scale
from tests.bench.processes import MEMORY, resident_bytes, start_embedded, start_load, start_server

#: Queued before the first look at memory: what grows once has grown.
_BEFORE = 10_000

_BAR = Bar(700, goal=506, at_most=True)


@contextmanager
def memory(scale: Scale) -> Preparing:
    """Measures the growth of a process by tasks of 176 bytes each, all of them waiting."""
    arms = {
        "in process": partial(_in_process, scale.queued),
        "through the server": partial(_through_the_server, scale.queued),
    }
    figures = [Figure(f"bytes a queued task, {arm}", arm, "bytes", bar=_BAR) for arm in arms]
    title = f"Memory of a queued task, by {scale.queued:,} of them"
    yield Prepared(title, "task", arms, figures, rounds=1)


def _in_process(number: int) -> Measured:
    with start_embedded() as embedded:
        embedded.ask(do="queue", number=_BEFORE)
        before = resident_bytes(embedded.pid)
        embedded.ask(do="queue", number=number)
        return {"bytes": (resident_bytes(embedded.pid) - before) / number}


def _through_the_server(number: int) -> Measured:
    with start_server(MEMORY, "--max-queued", str(_BEFORE + number)) as server, start_load() as load:
        load.ask(do="set_workers", address=server.address, count=0)
        load.ask(do="fill", address=server.address, number=_BEFORE)
        before = resident_bytes(server.pid)
        load.ask(do="fill", address=server.address, number=number)
        return {"bytes": (resident_bytes(server.pid) - before) / number}
