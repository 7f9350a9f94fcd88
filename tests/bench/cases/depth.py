"""The rate of a Session before a short queue and before a very long one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from functools import partial

from tests.bench.case import Bar, Figure, Measured, Prepared, Preparing, Scale
from tests.bench.processes import Child, start_load, start_server

_SHALLOW = 10_000


@contextmanager
def depth(scale: Scale) -> Preparing:
    """Measures tasks that go first in a lane in which others wait, on two servers that differ in how many.

    Between turns there are no workers, and what they took of the others is filled up before the next.
    """
    room = ("--max-queued", str(2 * scale.deep))
    with start_server(*room) as shallow, start_server(*room) as deep, start_load() as load:
        arms = {
            f"{queued:,} queued": partial(_turn, load, server, queued, scale.window_s)
            for server, queued in ((shallow, _SHALLOW), (deep, scale.deep))
        }
        for server in (shallow, deep):
            load.ask(do="set_workers", address=server.address, count=0)
        load.ask(do="fill", address=deep.address, number=scale.deep)
        figures = _figures(list(arms))
        yield Prepared("Session, 100 a message, before a queue of others", "task", arms, figures)


def _turn(load: Child, server: Child, queued: int, seconds: float) -> Measured:
    load.ask(do="fill_up", address=server.address, number=queued)
    measured: Measured = load.ask(
        do="session",
        address=server.address,
        pid=server.pid,
        size=100,
        under_way=2_000,
        seconds=seconds,
        workers=4,
    )
    return measured


def _figures(arms: Sequence[str]) -> list[Figure]:
    shallow, deep = arms
    name = f"{deep} / {shallow}"
    return [
        Figure(f"Session rate, {name}", deep, "rate", over=shallow, bar=Bar(0.9)),
        Figure(f"Session server CPU, {name}", deep, "server_us", over=shallow),
    ]
