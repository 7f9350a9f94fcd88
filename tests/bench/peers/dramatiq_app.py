"""Dramatiq's worker: one actor, which returns its argument, and the middleware that keeps results."""

from __future__ import annotations

import os

import dramatiq  # type: ignore[import-not-found]
from dramatiq.brokers.redis import RedisBroker  # type: ignore[import-not-found]
from dramatiq.results import Results  # type: ignore[import-not-found]
from dramatiq.results.backends import RedisBackend  # type: ignore[import-not-found]

_URL = os.environ["BENCH_REDIS"]

broker = RedisBroker(url=_URL)
broker.add_middleware(Results(backend=RedisBackend(url=_URL)))
dramatiq.set_broker(broker)


def _echo(argument: str) -> str:
    return argument


echo = dramatiq.actor(actor_name="echo", store_results=True)(_echo)
