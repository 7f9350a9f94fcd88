"""ExecuteTask of `echo` against the bare echo, at 1 to 128 calls in flight."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial

from tests.bench.case import Bar, Figure, Prepared, Preparing, Scale
from tests.bench.echo import ECHO
from tests.bench.load.unary import EXECUTE
from tests.bench.processes import start_echo, start_load, start_server

_IN_FLIGHT = (1, 16, 64, 128)

_BARS = {
    (64, "rate"): Bar(0.60, goal=0.84),
    (64, "server_us"): Bar(1.60, goal=1.24, at_most=True),
    (1, "p50_ms"): Bar(1.35, goal=1.14, at_most=True),
}


@contextmanager
def unary(scale: Scale) -> Preparing:
    """Measures what the whole chain, the engine and a thread cost over a call that does nothing."""
    with start_server() as server, start_echo() as bare, start_load() as load:
        arms = {
            f"{name}, {number} in flight": partial(
                load.ask,
                do="unary",
                address=child.address,
                pid=child.pid,
                path=path,
                in_flight=number,
                seconds=scale.window_s,
            )
            for number in _IN_FLIGHT
            for name, child, path in (("ExecuteTask", server, EXECUTE), ("echo", bare, ECHO))
        }
        figures = [
            Figure(
                f"ExecuteTask {name} / echo, {number} in flight",
                f"ExecuteTask, {number} in flight",
                metric,
                over=f"echo, {number} in flight",
                bar=_BARS.get((number, metric)),
            )
            for number in _IN_FLIGHT
            for name, metric in (("rate", "rate"), ("server CPU", "server_us"), ("p50", "p50_ms"))
        ]
        yield Prepared("ExecuteTask of echo against a bare echo", "call", arms, figures)
