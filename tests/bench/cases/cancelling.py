"""How long from a cancel's receipt to the end of the code that runs, for 100 tasks on 100 workers."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial

from tests.bench.case import Figure, Prepared, Preparing, Scale
from tests.bench.processes import MEMORY, start_load, start_server

_RUNNING = 100


@contextmanager
def cancelling(scale: Scale) -> Preparing:
    """Measures CancelTask with `wait`: the whole call, and what lies between receipt and end of code."""
    stamped = ("--interceptor", "tests.bench.receipts:stamp")
    with start_server(MEMORY, "--max-workers", str(_RUNNING), *stamped) as server, start_load() as load:
        arms = {
            name: partial(load.ask, do="cancel", address=server.address, running=_RUNNING, at_once=at_once)
            for name, at_once in (("one by one", False), ("all at once", True))
        }
        figures = [Figure(f"{arm}: receipt to end of code, p99 ms", arm, "stop_p99_ms") for arm in arms]
        yield Prepared("Cancelling 100 running tasks", "call", arms, figures)
