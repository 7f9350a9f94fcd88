"""A whole server inside another program, as tests and embedders run it."""

import asyncio
from collections.abc import Callable

import pytest

from millhand import Client, Handlers, handler
from millhand_server.app import App, serving
from millhand_server.config.options import ListenOptions, ServeOptions
from millhand_server.core.status import TaskStatus
from millhand_server.rpc.server import BindError

_OPTIONS = ServeOptions(node="embedded", listen=ListenOptions(port=0))


@handler("double")
def _double(request: int) -> int:
    return 2 * request


async def _call(address: str, use: Callable[[Client], object]) -> object:
    def call() -> object:
        with Client(address) as client:
            return use(client)

    return await asyncio.to_thread(call)


def _engine_loops() -> list[str]:
    return sorted(task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("millhand"))


async def test_a_server_runs_for_the_length_of_a_block_with_handlers_given_to_it() -> None:
    async with serving(_OPTIONS, handlers=Handlers(_double)) as app:
        doubled = await _call(app.address, lambda client: client.execute("double", 21))

    assert doubled == 42


async def test_two_servers_can_run_side_by_side() -> None:
    async with serving(_OPTIONS) as one, serving(_OPTIONS) as other:
        assert one.address != other.address
        assert await _call(other.address, lambda client: client.execute("echo", 1)) == 1


async def test_a_port_that_is_taken_leaves_nothing_running() -> None:
    async with serving(_OPTIONS) as app:
        port = int(app.address.rpartition(":")[2])
        before = _engine_loops()

        with pytest.raises(BindError, match=str(port)):
            await App(ServeOptions(node="second", listen=ListenOptions(port=port))).start()

        assert _engine_loops() == before


async def test_what_a_memory_store_drops_is_returned() -> None:
    app = App(_OPTIONS)
    await app.start()
    running = asyncio.create_task(app.run_until_stopped())
    task_id = await _call(app.address, lambda client: client.register("echo", delay=3600).id)

    await _call(app.address, lambda client: client.shutdown())

    stopped = await running
    assert stopped.dropped == {TaskStatus.SCHEDULED: 1}
    assert stopped.named == (task_id,)
    assert not stopped.broken


async def test_a_server_whose_engine_fails_ends_by_itself_and_says_so() -> None:
    app = App(_OPTIONS)
    await app.start()

    app.manager.readiness.broken.set()

    assert (await app.run_until_stopped()).broken
