"""Waiting for a full queue, over both clients."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.integration.client.conftest import Server

from millhand import QueueFull, task_spec


@pytest.fixture
def max_queued() -> int:
    return 2


@pytest.fixture
async def full(client: Any) -> None:
    """Fills the queue: nothing of it runs before its time."""
    await client.register_many([task_spec("echo", n, id=f"q{n}", delay=600) for n in range(2)])


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("patience", [None, 0], ids=["none", "zero"])
async def test_a_full_queue_is_an_error_to_those_without_patience(client: Any, patience: int | None) -> None:
    for call in (client.register, client.execute):
        with pytest.raises(QueueFull) as raised:
            await call("echo", 1, retry_when_full=patience)
        assert raised.value.retry_after is not None


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("method", ["register", "execute"])
async def test_a_task_gets_in_when_there_is_room(client: Any, server: Server, method: str) -> None:
    waiting = asyncio.ensure_future(_call(client, method))
    with pytest.raises(QueueFull):
        await client.register("echo", 1)

    await client.cancel("q0")

    await waiting


@pytest.mark.usefixtures("full")
async def test_a_batch_gets_in_one_by_one(client: Any) -> None:
    await client.cancel("q0")
    specs = [task_spec("echo", n, id=f"t{n}", delay=600) for n in range(2)]
    waiting = asyncio.ensure_future(_register(client, specs))
    await client.cancel("q1")

    first, second = await waiting

    assert [first.task.id, second.task.id] == ["t0", "t1"]
    assert first.created
    assert second.created


@pytest.mark.usefixtures("full")
async def test_a_session_waits_for_room_too(client: Any) -> None:
    async with client.session() as session:
        with pytest.raises(QueueFull):
            await session.register("echo", 1)
        waiting = asyncio.ensure_future(_session_register(session))
        await client.cancel("q0")
        assert (await waiting).handler == "echo"


async def _call(client: Any, method: str) -> Any:
    return await getattr(client, method)("echo", 1, retry_when_full=20)


async def _register(client: Any, specs: Any) -> Any:
    return await client.register_many(specs, mode="per_item", retry_when_full=20)


async def _session_register(session: Any) -> Any:
    return await session.register("echo", 1, retry_when_full=20)
