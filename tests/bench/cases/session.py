"""One Session with 1, 10 and 100 tasks a message, in memory and in a file, against the bare echo's calls."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial

from tests.bench.case import Bar, Figure, Prepared, Preparing, Scale
from tests.bench.echo import ECHO
from tests.bench.processes import MEMORY, start_echo, start_load, start_server
from tests.bench.scratch import sqlite_url

#: Tasks a message, and how many of them are under way at once.
_SHAPES = {1: 64, 10: 1_000, 100: 2_000}

_ECHO = "echo, 64 in flight"


@contextmanager
def session(scale: Scale) -> Preparing:
    """Measures tasks per second from registration to result, every id once."""
    bar = Bar(22, goal=42)
    with _prepared(scale, MEMORY, "Session against a bare echo", "Session", bar) as prepared:
        yield prepared


@contextmanager
def durable_session(scale: Scale) -> Preparing:
    """Measures the same with SQLite."""
    store = sqlite_url(scale.scratch / "session.db")
    title, bar = "Session on SQLite against a bare echo", Bar(9, goal=15.7)
    with _prepared(scale, store, title, "SQLite: Session", bar) as prepared:
        yield prepared


@contextmanager
def _prepared(scale: Scale, store: str, title: str, name: str, bar_in_hundreds: Bar) -> Preparing:
    with start_server(store) as server, start_echo() as bare, start_load() as load:
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
                f"{name} tasks/s, {size} a message / echo calls/s",
                f"Session, {size} a message",
                "rate",
                over=_ECHO,
                bar=bar_in_hundreds if size == 100 else None,
            )
            for size in _SHAPES
        ]
        yield Prepared(title, "task", arms, figures)
