from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
from tests.engine.bench import Bench, options

from millhand_server.core.ports import Observer, TaskStore

OpenBench = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def open_bench() -> AsyncIterator[OpenBench]:
    """Starts managers with the options given, on stores of their own; all are closed at the end.

    `earlier` does to the store what a process did that is gone.
    """
    benches: list[Bench] = []

    async def open_one(
        *,
        retention: object = None,
        observers: Sequence[Observer] = (),
        earlier: Callable[[TaskStore], Awaitable[object]] | None = None,
        **fields: object,
    ) -> Bench:
        bench = Bench(options(**fields), retention=retention, observers=observers)  # type: ignore[arg-type]
        benches.append(bench)
        if earlier is not None:
            await earlier(bench.memory)
        await bench.manager.start()
        return bench

    yield open_one
    for bench in benches:
        await bench.tear_down()


@pytest.fixture
async def bench(open_bench: OpenBench) -> Bench:
    """A manager with one worker."""
    return await open_bench()
