from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
from tests.engine.bench import Bench, options

from millhand_server.core.ports import Observer

OpenBench = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def open_bench() -> AsyncIterator[OpenBench]:
    """Starts managers with the options given, on stores of their own; all are closed at the end."""
    benches: list[Bench] = []

    async def open_one(
        *, retention: object = None, observers: Sequence[Observer] = (), **fields: object
    ) -> Bench:
        bench = Bench(options(**fields), retention=retention, observers=observers)  # type: ignore[arg-type]
        benches.append(bench)
        await bench.manager.start()
        return bench

    yield open_one
    for bench in benches:
        await bench.tear_down()


@pytest.fixture
async def bench(open_bench: OpenBench) -> Bench:
    """A manager with one worker."""
    return await open_bench()
