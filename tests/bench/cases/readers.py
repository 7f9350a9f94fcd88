"""StreamResults to 1 and 16 readers, against a bare stream with the same messages."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial

from tests.bench.case import Bar, Figure, Prepared, Preparing, Scale
from tests.bench.processes import MEMORY, start_echo, start_load, start_server

_READERS = (1, 16)

_BARS = {(16, "rate"): Bar(0.4)}

#: How many results there are to read.
_RESULTS = 5_000


@contextmanager
def readers(scale: Scale) -> Preparing:
    """Measures messages per second to all readers together, each message with one result."""
    with start_server(MEMORY) as server, start_echo() as bare, start_load() as load:
        load.ask(do="fill", address=server.address, number=_RESULTS, wait=True)
        message = load.ask(do="first_result", address=server.address)
        ours = partial(load.ask, do="read", address=server.address, pid=server.pid)
        theirs = partial(
            load.ask,
            do="read_bare",
            address=bare.address,
            pid=bare.pid,
            message=message,
            number=_RESULTS,
        )
        arms = {
            _arm(name, number): partial(read, readers=number, seconds=scale.window_s)
            for number in _READERS
            for name, read in (("StreamResults", ours), ("bare stream", theirs))
        }
        figures = [
            Figure(
                _arm(f"StreamResults {name} / bare stream", number),
                _arm("StreamResults", number),
                metric,
                over=_arm("bare stream", number),
                bar=_BARS.get((number, metric)),
            )
            for number in _READERS
            for name, metric in (("items/s", "rate"), ("server CPU", "server_us"))
        ]
        yield Prepared("StreamResults against a bare stream", "item", arms, figures)


def _arm(name: str, readers: int) -> str:
    return f"{name}, {readers} {'reader' if readers == 1 else 'readers'}"
