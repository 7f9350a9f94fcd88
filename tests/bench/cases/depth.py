"""The rate before a short queue and before a very long one, in memory and in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from tests.bench.case import Bar, Figure, Measured, Prepared, Preparing, Scale
from tests.bench.cases.backlog import copy_of_backlog
from tests.bench.load.unary import EXECUTE
from tests.bench.processes import MEMORY, Child, start_load, start_server
from tests.bench.scratch import sqlite_url

_SHALLOW = 10_000


class _Shape(NamedTuple):
    name: str
    command: Mapping[str, Any]
    bar: Bar


_SESSION: Mapping[str, Any] = {"do": "session", "size": 100, "under_way": 2_000, "workers": 4}

#: One call at a time and one worker, who takes of the others' tasks whenever the caller's is not there.
_CALLS: Mapping[str, Any] = {"do": "unary", "path": EXECUTE, "in_flight": 1, "workers": 1}

_IN_MEMORY = (_Shape("Session", _SESSION, Bar(0.9)),)

_IN_A_FILE = (
    _Shape("SQLite: ExecuteTask, one by one", _CALLS, Bar(0.8)),
    _Shape("SQLite: Session, in hundreds", _SESSION, Bar(0.4)),
)


@contextmanager
def depth(scale: Scale) -> Preparing:
    """Measures tasks that go first in a lane in which others wait, on two servers that differ in how many.

    Between turns there are no workers, and what they took of the others is filled up before the next.
    """
    title = "Session, 100 a message, before a queue of others"
    with _prepared(scale, title, [MEMORY, MEMORY], _IN_MEMORY) as prepared:
        yield prepared


@contextmanager
def durable_depth(scale: Scale) -> Preparing:
    """Measures the same with SQLite, and with one task at a time."""
    stores = [
        sqlite_url(copy_of_backlog(scale, queued, scale.scratch / f"depth-{queued}.db"))
        for queued in (_SHALLOW, scale.deep)
    ]
    with _prepared(scale, "On SQLite, before a queue of others", stores, _IN_A_FILE) as prepared:
        yield prepared


@contextmanager
def _prepared(scale: Scale, title: str, stores: Sequence[str], shapes: Sequence[_Shape]) -> Preparing:
    room = ("--max-queued", str(2 * scale.deep))
    with (
        start_server(stores[0], *room) as shallow,
        start_server(stores[1], *room) as deep,
        start_load() as load,
    ):
        for server, queued in ((shallow, _SHALLOW), (deep, scale.deep)):
            load.ask(do="set_workers", address=server.address, count=0)
            load.ask(do="fill_up", address=server.address, number=queued)
        arms = {
            _arm(shape, queued): partial(_turn, load, server, queued, scale.window_s, shape.command)
            for shape in shapes
            for server, queued in ((shallow, _SHALLOW), (deep, scale.deep))
        }
        figures = [figure for shape in shapes for figure in _figures(shape, scale.deep)]
        yield Prepared(title, "task", arms, figures)


def _turn(load: Child, server: Child, queued: int, seconds: float, command: Mapping[str, Any]) -> Measured:
    load.ask(do="fill_up", address=server.address, number=queued)
    measured: Measured = load.ask(address=server.address, pid=server.pid, seconds=seconds, **command)
    return measured


def _figures(shape: _Shape, deep: int) -> list[Figure]:
    long, short = _arm(shape, deep), _arm(shape, _SHALLOW)
    which = f"{deep:,} / {_SHALLOW:,} queued"
    return [
        Figure(f"{shape.name}: rate, {which}", long, "rate", over=short, bar=shape.bar),
        Figure(f"{shape.name}: server CPU, {which}", long, "server_us", over=short),
    ]


def _arm(shape: _Shape, queued: int) -> str:
    return f"{shape.name}, {queued:,} queued"
