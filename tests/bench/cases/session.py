"""One Session with 1, 10 and 100 tasks a message, against the calls of the bare echo."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial

from tests.bench.case import Bar, Figure, Prepared, Preparing, Scale
from tests.bench.echo import ECHO
from tests.bench.processes import start_echo, start_load, start_server

#: Tasks a message, and how many of them are under way at once.
_SHAPES = {1: 64, 10: 1_000, 100: 2_000}

_ECHO = "echo, 64 in flight"


@contextmanager
def session(scale: Scale) -> Preparing:
    """Measures tasks per second from registration to result, every id once."""
    with start_server() as server, start_echo() as bare, start_load() as load:
        arms = {
            f"Session, {size} a message": partial(
                load.ask,
                do="session",
                address=server.address,
                pid=server.pid,
                size=size,
                under_way=under_way,
                seconds=scale.window_s,
            )
            for size, under_way in _SHAPES.items()
        }
        arms[_ECHO] = partial(
            load.ask,
            do="unary",
            address=bare.address,
            pid=bare.pid,
            path=ECHO,
            in_flight=64,
            seconds=scale.window_s,
        )
        figures = [
            Figure(
                f"Session tasks/s, {size} a message / echo calls/s",
                f"Session, {size} a message",
                "rate",
                over=_ECHO,
                bar=Bar(22, goal=42) if size == 100 else None,
            )
            for size in _SHAPES
        ]
        yield Prepared("Session against a bare echo", "task", arms, figures)
