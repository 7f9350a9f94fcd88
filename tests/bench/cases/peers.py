"""Submit and result with a window of 64: Millhand on SQLite against Celery and Dramatiq on Redis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from tests.bench.case import Bar, Figure, Measured, Prepared, Preparing, Scale
from tests.bench.load.unary import EXECUTE
from tests.bench.peers.fifo import ARGUMENT_BYTES
from tests.bench.peers.setups import PEERS, RunningPeer, running
from tests.bench.processes import Child, start_load, start_server
from tests.bench.scratch import sqlite_url

_IN_FLIGHT = 64

#: Longer than other turns, of which a slow queue would spend much on filling and emptying its window.
_LONGER = 4

_BARS = {
    ("Celery prefork", "rate"): Bar(3.2, goal=4.75),
    ("Celery threads", "rate"): Bar(3.2, goal=4.75),
    ("Dramatiq", "rate"): Bar(1.0, goal=1.39),
    ("Celery prefork", "all_us"): Bar(0.42, goal=0.25, at_most=True),
    ("Celery threads", "all_us"): Bar(0.42, goal=0.25, at_most=True),
}

#: Its calls without and with its client library.
_CALLS, _LIBRARY = "Millhand, gRPC calls", "Millhand, AsyncClient"

_ABOUT = (
    "THE PEERS' REDIS IS NOT DURABLE: a crash takes what it has not saved yet ({persistence}), while tasks "
    "and results of Millhand are flushed to disk before anybody hears of them.",
    "Millhand runs its handlers in the server's process, on at least four threads; the peers' workers are "
    "processes beside their broker, and Dramatiq has 16 threads. The peers' clients are their libraries, "
    "which block; of Millhand there are bare calls, whose requests are made beforehand, and its library.",
)


@contextmanager
def peers(scale: Scale) -> Preparing:
    """Measures tasks per second, and CPU per task over all processes: client, server or broker, workers."""
    with ExitStack() as stack:
        others = [stack.enter_context(running(peer, scale.scratch)) for peer in PEERS]
        server = stack.enter_context(start_server(sqlite_url(scale.scratch / "peers.db")))
        load = stack.enter_context(start_load())
        seconds = _LONGER * scale.window_s
        arms = _our_arms(server, load, seconds) | {
            _titled(other): partial(
                other.client.ask, do="run", pids=other.pids, in_flight=_IN_FLIGHT, seconds=seconds
            )
            for other in others
        }
        yield Prepared(
            f"Submit and result, {ARGUMENT_BYTES} bytes each, a window of {_IN_FLIGHT}",
            "task",
            arms,
            _figures(others),
            notes=_notes(others),
            versions=_versions(others),
        )


def _our_arms(server: Child, load: Child, seconds: float) -> dict[str, Callable[[], Measured]]:
    ask = partial(load.ask, address=server.address, pid=server.pid, in_flight=_IN_FLIGHT, seconds=seconds)
    return {
        _CALLS: partial(ask, do="unary", path=EXECUTE, argument_bytes=ARGUMENT_BYTES),
        _LIBRARY: partial(ask, do="library", argument_bytes=ARGUMENT_BYTES),
    }


def _figures(others: Sequence[RunningPeer]) -> list[Figure]:
    return [
        Figure(
            f"{ours} / {other.name}: {name}",
            ours,
            metric,
            over=_titled(other),
            bar=_BARS.get((other.name, metric)) if ours == _CALLS else None,
        )
        for ours in (_CALLS, _LIBRARY)
        for name, metric in (("tasks/s", "rate"), ("CPU, all processes", "all_us"))
        for other in others
    ]


def _titled(peer: RunningPeer) -> str:
    package, _, pool = peer.name.partition(" ")
    return f"{package} {peer.versions[package.lower()]} {pool}".strip()


def _notes(others: Sequence[RunningPeer]) -> list[str]:
    listed = ", ".join(f"{name} {version}" for name, version in _versions(others).items())
    return [about.format(persistence=others[0].redis.persistence) for about in _ABOUT] + [f"With {listed}."]


def _versions(others: Sequence[RunningPeer]) -> Mapping[str, str]:
    installed = {name: version for other in others for name, version in other.versions.items()}
    chosen = ("celery", "kombu", "dramatiq", "redis", "hiredis")
    return {"redis-server": others[0].redis.version} | {name: installed[name] for name in chosen}
