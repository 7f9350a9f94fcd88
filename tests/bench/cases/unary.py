"""ExecuteTask of `echo` against the bare echo, with tasks in memory and with tasks in a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import partial

from tests.bench.case import Bar, Figure, Measured, Prepared, Preparing, Scale
from tests.bench.commits import commit_rows
from tests.bench.echo import ECHO
from tests.bench.load.unary import EXECUTE
from tests.bench.processes import MEMORY, Child, start_echo, start_load, start_server
from tests.bench.scratch import sqlite_url

_IN_FLIGHT = (1, 16, 64, 128)

_BARS = {
    (64, "rate"): Bar(0.60, goal=0.84),
    (64, "server_us"): Bar(1.60, goal=1.24, at_most=True),
    (1, "p50_ms"): Bar(1.35, goal=1.14, at_most=True),
}

_DURABLE_IN_FLIGHT = (1, 64)

_DURABLE_BARS = {(64, "rate"): Bar(0.45, goal=0.72)}

_COMMIT = "one-row commit"


@contextmanager
def unary(scale: Scale) -> Preparing:
    """Measures what the whole chain, the engine and a thread cost over a call that does nothing."""
    with start_server(MEMORY) as server, start_echo() as bare, start_load() as load:
        arms = _arms(load, server, bare, _IN_FLIGHT, scale.window_s)
        figures = [
            _figure(f"ExecuteTask {name}", number, metric, _BARS.get((number, metric)))
            for number in _IN_FLIGHT
            for name, metric in (("rate", "rate"), ("server CPU", "server_us"), ("p50", "p50_ms"))
        ]
        yield Prepared("ExecuteTask of echo against a bare echo", "call", arms, figures)


@contextmanager
def durable_unary(scale: Scale) -> Preparing:
    """Measures the same with SQLite, whose price for one caller is told in commits to the same disk."""
    store = sqlite_url(scale.scratch / "unary.db")
    with start_server(store) as server, start_echo() as bare, start_load() as load:
        arms = _arms(load, server, bare, _DURABLE_IN_FLIGHT, scale.window_s)
        arms[_COMMIT] = partial(commit_rows, scale.scratch / "commits.db", scale.window_s)
        figures = [
            _figure(f"SQLite: ExecuteTask {name}", number, metric, _DURABLE_BARS.get((number, metric)))
            for number in _DURABLE_IN_FLIGHT
            for name, metric in (("rate", "rate"), ("server CPU", "server_us"))
        ]
        figures.append(
            Figure(
                "SQLite: ExecuteTask p50 beyond echo, 1 in flight, in commits",
                "ExecuteTask, 1 in flight",
                "p50_ms",
                less="echo, 1 in flight",
                over=_COMMIT,
                bar=Bar(4, goal=2.5, at_most=True),
            )
        )
        yield Prepared("ExecuteTask on SQLite against a bare echo", "call", arms, figures)


def _arms(
    load: Child, server: Child, bare: Child, in_flight: Sequence[int], seconds: float
) -> dict[str, Callable[[], Measured]]:
    return {
        f"{name}, {number} in flight": partial(
            load.ask,
            do="unary",
            address=child.address,
            pid=child.pid,
            path=path,
            in_flight=number,
            seconds=seconds,
        )
        for number in in_flight
        for name, child, path in (("ExecuteTask", server, EXECUTE), ("echo", bare, ECHO))
    }


def _figure(name: str, in_flight: int, metric: str, bar: Bar | None) -> Figure:
    return Figure(
        f"{name} / echo, {in_flight} in flight",
        f"ExecuteTask, {in_flight} in flight",
        metric,
        over=f"echo, {in_flight} in flight",
        bar=bar,
    )
