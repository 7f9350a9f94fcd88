from __future__ import annotations

import threading
from collections.abc import AsyncIterator

import pytest
from tests.contract.executor.bench import Bench

from millhand_server.testing.executor import PATIENCE_S

KINDS = ["thread", "async", "thread behind bytes", "async behind bytes"]


@pytest.fixture(params=KINDS)
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """A bench for each kind of executor; a new kind is one more param. No thread of it outlives the test."""
    before = set(threading.enumerate())
    bench = Bench(request.param)
    yield bench
    await bench.stop()
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), f"{thread.name} goes on"
