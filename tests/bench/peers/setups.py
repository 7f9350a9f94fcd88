"""How a peer is run for a comparison: a broker of its own, its worker, a client process that obeys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.peers.environments import peer_environment
from tests.bench.peers.redis import Redis, redis, redis_program
from tests.bench.processes import Child
from tests.bench.programs import Program

_CHECKOUT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Peer:
    """A queue as it is run: `package` is its environment's name, `worker` what its python is started with."""

    name: str
    package: str
    worker: Sequence[str]


#: With the concurrency that each has by default on two CPUs, whatever the machine; but Celery's threads are
#: four, as Millhand's are.
PEERS = (
    Peer(
        "Celery prefork",
        "celery",
        ("celery", "-A", "tests.bench.peers.celery_app", "worker", "--pool", "prefork", "--concurrency", "2"),
    ),
    Peer(
        "Celery threads",
        "celery",
        ("celery", "-A", "tests.bench.peers.celery_app", "worker", "--pool", "threads", "--concurrency", "4"),
    ),
    Peer(
        "Dramatiq",
        "dramatiq",
        ("dramatiq", "tests.bench.peers.dramatiq_app", "--processes", "2", "--threads", "8"),
    ),
)


@dataclass(frozen=True)
class RunningPeer:
    """A peer that has run its first task."""

    name: str
    versions: Mapping[str, str]
    redis: Redis
    client: Child
    pids: Sequence[int]
    """Broker and worker."""


@contextmanager
def running(peer: Peer, scratch: Path) -> Iterator[RunningPeer]:
    """Starts a peer, and ends all of it when the block is left.

    Raises:
        LeftOut: something that it needs cannot be had here.
    """
    redis_program()
    environment = peer_environment(peer.package)
    with redis(scratch / f"redis-{peer.name.lower().replace(' ', '-')}") as broker:
        env = {"BENCH_REDIS": broker.url, "PYTHONPATH": str(_CHECKOUT)}
        command: list[str | Path] = [environment.python, "-m", *peer.worker]
        module = f"tests.bench.peers.{peer.package}_client"
        with (
            Program(command, folder=_CHECKOUT, env=env) as worker,
            Child(module, python=environment.python, **env) as client,
        ):
            worker.check()
            yield RunningPeer(peer.name, environment.versions, broker, client, (broker.pid, worker.pid))
