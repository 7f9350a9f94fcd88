"""RegisterTasks in hundreds, with a stream that follows the results."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial

from tests.bench.case import Figure, Prepared, Preparing, Scale
from tests.bench.echo import ECHO
from tests.bench.processes import MEMORY, start_echo, start_load, start_server

_ARM = "RegisterTasks, 100 a call"
_ECHO = "echo, 64 in flight"


@contextmanager
def batches(scale: Scale) -> Preparing:
    """Measures tasks per second from registration to the result on the stream, every id once."""
    with start_server(MEMORY) as server, start_echo() as bare, start_load() as load:
        register = partial(load.ask, do="batches", address=server.address, pid=server.pid)
        echo = partial(load.ask, do="unary", address=bare.address, pid=bare.pid, path=ECHO)
        arms = {
            _ARM: partial(register, size=100, callers=4, under_way=2_000, seconds=scale.window_s),
            _ECHO: partial(echo, in_flight=64, seconds=scale.window_s),
        }
        figures = [Figure("RegisterTasks tasks/s / echo calls/s", _ARM, "rate", over=_ECHO)]
        yield Prepared("RegisterTasks in hundreds, results streamed", "task", arms, figures)
