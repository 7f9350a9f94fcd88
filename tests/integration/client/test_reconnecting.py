"""What both clients make of a connection that breaks under them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.integration.client.conftest import Server
from tests.integration.client.driving import collect, driven, settled
from tests.integration.client.proxy import Proxy, proxying

from millhand import Progress, Unavailable, task_spec


@pytest.fixture
async def proxy(server: Server) -> AsyncIterator[Proxy]:
    async with proxying(server.address) as proxy:
        yield proxy


@pytest.fixture
async def shaky(which: str, proxy: Proxy, threads: ThreadPoolExecutor) -> AsyncIterator[Any]:
    """A client whose connection can be cut."""
    async with driven(which, threads, proxy.address) as client:
        yield client


async def test_execute_joins_its_task_again(shaky: Any, client: Any, proxy: Proxy, server: Server) -> None:
    async with client.results(include_progress=True) as reader:
        execution = asyncio.ensure_future(_execute(shaky))
        assert isinstance(await anext(aiter(reader)), Progress)

    await proxy.connected()
    proxy.cut()
    await proxy.connected()
    server.gate.set()

    assert await execution == "kept"
    assert len((await client.get("g")).attempts) == 1


async def test_a_reader_goes_on_behind_what_it_gave(shaky: Any, client: Any, proxy: Proxy) -> None:
    outputs = []
    async with shaky.results() as reader:
        records = aiter(reader)
        for n in range(5):
            await client.execute("echo", n)
            outputs.append((await anext(records)).output)
            proxy.cut()

    assert outputs == [0, 1, 2, 3, 4]


async def test_a_session_goes_on_under_its_id(shaky: Any, proxy: Proxy) -> None:
    outputs = []
    async with shaky.session() as session:
        await session.subscribe()
        records = aiter(session.results())
        for n in range(5):
            await session.register("echo", n)
            outputs.append((await anext(records)).output)
            proxy.cut()
        await session.register_many([task_spec("echo", 5)])
        await settled(session.finish())
        outputs += [record.output for record in await collect(records)]

    assert outputs == [0, 1, 2, 3, 4, 5]


async def test_a_server_that_is_not_there_is_an_error(which: str, threads: ThreadPoolExecutor) -> None:
    async with driven(which, threads, "127.0.0.1:1") as client:
        with pytest.raises(Unavailable):
            await client.execute("echo", 1)


async def _execute(client: Any) -> Any:
    return await client.execute("gated", "kept", id="g")
