"""What only the asyncio client can be asked: cancellation, timeouts, event loops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.integration.client.conftest import Server
from tests.integration.client.driving import collect

from millhand import AsyncClient, AsyncLogReader, CallCancelled, MillhandError, Progress, Result, TaskStatus


@pytest.fixture
async def client(server: Server) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.address) as client:
        yield client


async def test_cancelling_an_execute_leaves_its_task_running(client: AsyncClient, server: Server) -> None:
    execution = await _running(client, "gated", 1)

    execution.cancel()
    with pytest.raises(asyncio.CancelledError):
        await execution
    server.gate.set()

    assert (await client.wait(timeout=10)).counts == {TaskStatus.COMPLETED: 1}


async def test_cancelling_an_execute_cancels_its_task_if_asked_to(client: AsyncClient) -> None:
    execution = await _running(client, "hold", cancel_on_interrupt=True)

    execution.cancel()
    with pytest.raises(asyncio.CancelledError):
        await execution

    assert (await client.wait(timeout=10)).counts == {TaskStatus.CANCELLED: 1}


async def test_a_timeout_around_an_execute_is_a_cancellation_like_any(client: AsyncClient) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.execute("hold", id="h", cancel_on_interrupt=True)

    assert (await client.wait(timeout=10)).done


async def test_a_cancellation_that_could_not_cancel_the_task_has_a_note_of_it(client: AsyncClient) -> None:
    execution = await _running(client, "hold", cancel_on_interrupt=True, idempotency_key="k")

    execution.cancel()
    with pytest.raises(asyncio.CancelledError) as raised:
        await execution

    assert "was not cancelled" in raised.value.__notes__[0]


async def test_a_wait_for_a_result_can_be_broken_off_and_nothing_is_lost(client: AsyncClient) -> None:
    async with client.results() as reader:
        records = aiter(reader)
        for n in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(records), 0.02)
            await client.execute("echo", n)
            record = await anext(records)
            assert isinstance(record, Result)
            assert record.output == n


async def test_results_can_be_iterated_without_being_entered(client: AsyncClient) -> None:
    await client.execute("echo", 1)

    assert await _outputs(client.results(after="0", follow=False)) == [1]


async def test_a_closed_reader_ends_its_iteration(client: AsyncClient) -> None:
    async with client.results() as reader:
        rest = asyncio.ensure_future(collect(reader))
        await client.info()
        await reader.aclose()
        assert await rest == []


async def test_closing_the_client_is_an_error_to_those_who_wait(
    client: AsyncClient,
) -> None:
    execution = await _running(client, "gated")

    await client.close()

    with pytest.raises(CallCancelled):
        await execution


async def test_a_session_that_is_cancelled_while_it_drains_leaves_nothing_behind(client: AsyncClient) -> None:
    async def drain() -> None:
        async with client.session() as session:
            await session.subscribe()
            await session.register("hold")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(drain(), 0.2)

    assert "millhand-session" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_many_tasks_of_one_loop_share_a_client(client: AsyncClient) -> None:
    outputs = await asyncio.gather(*(client.execute("echo", n) for n in range(100)))

    assert outputs == list(range(100))


def test_a_client_may_be_made_before_its_loop_runs_and_belongs_to_that_loop(server_address: str) -> None:
    client = AsyncClient(server_address, timeout=0.05)

    async def call() -> None:
        with pytest.raises(MillhandError):
            await client.info()

    async def call_elsewhere() -> None:
        with pytest.raises(RuntimeError, match="belongs to another event loop"):
            await client.info()

    async def close() -> None:
        await client.close()

    with asyncio.Runner() as first:
        first.run(call())
        with asyncio.Runner() as second:
            second.run(call_elsewhere())
        first.run(close())


@pytest.fixture
def server_address() -> str:
    """Where nobody listens."""
    return "127.0.0.1:1"


async def _outputs(reader: AsyncLogReader[Any]) -> list[Any]:
    return [record.unwrap() async for record in reader if isinstance(record, Result)]


async def _running(client: AsyncClient, handler: str, *args: Any, **options: Any) -> asyncio.Task[Any]:
    """An execution whose task runs."""
    async with client.results(include_progress=True) as reader:
        execution = asyncio.create_task(client.execute(handler, *args, **options))
        assert isinstance(await anext(aiter(reader)), Progress)
    return execution
