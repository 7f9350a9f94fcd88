"""Servers in process: reached over a real channel, from tests of both kinds."""

from __future__ import annotations

import asyncio
import threading

import grpc
import pytest

from millhand import AsyncClient, Client, Handlers, TaskContext, Unavailable
from millhand_server.config.options import PluginOptions, ServeOptions
from millhand_server.engine.catalogue import UnsupportedHandler
from millhand_server.engine.options import Limits, ManagerOptions
from millhand_server.testing import serve, server

LONG_S = 30.0


@pytest.fixture
def begun() -> threading.Event:
    """Set once a task of `hold` runs."""
    return threading.Event()


@pytest.fixture
def handlers(begun: threading.Event) -> Handlers:
    handlers = Handlers()

    @handlers.handler("double")
    def double(request: int) -> int:
        return 2 * request

    @handlers.handler("hold")
    def hold(_: object, task: TaskContext) -> None:
        begun.set()
        task.wait_cancelled(LONG_S)
        task.raise_if_cancelled()

    return handlers


async def test_an_async_test_has_a_server_and_its_client(handlers: Handlers) -> None:
    async with server(handlers) as served:
        assert await served.client.execute("double", 21) == 42
        async with AsyncClient(served.address) as another:
            assert await another.execute("double", 1) == 2


async def test_an_async_test_can_look_behind_the_wire(handlers: Handlers) -> None:
    async with server(handlers) as served:
        registered = await served.client.register("double", 1, delay=3600)

        assert (await served.manager.get_task(registered.id)).spec.handler == "double"


def test_a_plain_test_has_a_server_and_its_client(handlers: Handlers) -> None:
    with serve(handlers) as served:
        assert served.client.execute("double", 21) == 42
        with Client(served.address) as another:
            assert another.execute("double", 1) == 2


def test_a_server_is_reached_by_any_grpc_client(handlers: Handlers) -> None:
    with serve(handlers) as served, grpc.insecure_channel(served.address) as channel:
        grpc.channel_ready_future(channel).result(LONG_S)


def test_servers_run_side_by_side(handlers: Handlers) -> None:
    with serve(handlers) as one, serve(handlers) as other:
        one.client.register("double", 1, id="same", delay=3600)

        assert other.client.execute("double", 2, id="same") == 4


def test_a_server_is_gone_after_its_block_whatever_still_ran(
    handlers: Handlers, begun: threading.Event
) -> None:
    with serve(handlers) as served:
        address = served.address
        served.client.register("hold")
        assert begun.wait(LONG_S)

    ours = [thread.name for thread in threading.enumerate() if thread.name.startswith("millhand test")]
    with Client(address) as client, pytest.raises(Unavailable):
        client.execute("double", 1, timeout=1)
    assert ours == []


def test_options_are_those_of_a_server(handlers: Handlers) -> None:
    options = ServeOptions(
        node="small", manager=ManagerOptions(max_workers=1, limits=Limits(max_payload_bytes=2000))
    )

    with serve(handlers, options=options) as served:
        info = served.client.info()

    assert (info.node_id, info.limits.max_payload_bytes) == ("small", 2000)


def test_what_prevents_the_start_is_raised_in_the_test() -> None:
    handlers = Handlers()

    @handlers.handler("apart", isolation="process")
    def apart() -> None:
        """Cannot be run yet."""

    with pytest.raises(UnsupportedHandler, match="apart"), serve(handlers):
        pytest.fail("it started")


def test_a_test_that_fails_stops_its_server(handlers: Handlers) -> None:
    def test() -> None:
        with serve(handlers) as served:
            raise AssertionError(served.address)

    with pytest.raises(AssertionError) as failure:
        test()

    with Client(str(failure.value)) as client, pytest.raises(Unavailable):
        client.execute("double", 1, timeout=1)


async def test_a_server_of_an_async_test_leaves_no_task_behind(handlers: Handlers) -> None:
    async with server(handlers, options=ServeOptions(node="n", plugins=PluginOptions())) as served:
        await served.client.execute("double", 1)

    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("millhand")] == []
