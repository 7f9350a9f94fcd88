"""What 200 open streams whose filters match nothing cost unary calls."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial

from tests.bench.case import Bar, Figure, Prepared, Preparing, Scale
from tests.bench.load.unary import EXECUTE
from tests.bench.processes import MEMORY, start_load, start_server

_READERS = 200
_IN_FLIGHT = (1, 64)


@contextmanager
def idle_readers(scale: Scale) -> Preparing:
    """Measures ExecuteTask on two servers, of which one has readers, in a process of their own."""
    with (
        start_server(MEMORY) as alone,
        start_server(MEMORY) as read,
        start_load() as holder,
        start_load() as load,
    ):
        holder.ask(do="hold", address=read.address, readers=_READERS)
        arms = {
            _arm(number, readers): partial(
                load.ask,
                do="unary",
                address=server.address,
                pid=server.pid,
                path=EXECUTE,
                in_flight=number,
                seconds=scale.window_s,
            )
            for number in _IN_FLIGHT
            for readers, server in ((0, alone), (_READERS, read))
        }
        figures = [
            Figure(
                f"{_READERS} idle readers / none, {name}, {number} in flight",
                _arm(number, _READERS),
                metric,
                over=_arm(number, 0),
                bar=Bar(1.25, at_most=True),
            )
            for number in _IN_FLIGHT
            for name, metric in (("p50", "p50_ms"), ("server CPU", "server_us"))
        ]
        yield Prepared("ExecuteTask beside readers whose filters match nothing", "call", arms, figures)


def _arm(in_flight: int, readers: int) -> str:
    return f"{in_flight} in flight, {readers} readers"
