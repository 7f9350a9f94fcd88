"""A whole server in the test's process, on a free port of 127.0.0.1, called over a real channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace

from millhand import AsyncClient, Client
from millhand.kit import Handlers
from millhand_server.app import serving
from millhand_server.config.options import ListenOptions, ServeOptions
from millhand_server.engine.answers import CloseMode
from millhand_server.engine.manager import TaskManager
from millhand_server.engine.options import ManagerOptions


@dataclass(frozen=True)
class AsyncServer:
    """A server on the test's own loop."""

    #: `host:port`, without TLS unless the options ask for it.
    address: str
    #: For looking behind the wire.
    manager: TaskManager
    #: A client of the server, closed with it. It has no token.
    client: AsyncClient


@dataclass(frozen=True)
class Server:
    """A server on a loop in a thread of its own."""

    #: `host:port`, without TLS unless the options ask for it.
    address: str
    #: A client of the server, closed with it. It has no token.
    client: Client


@asynccontextmanager
async def server(handlers: Handlers, *, options: ServeOptions | None = None) -> AsyncIterator[AsyncServer]:
    """Runs a server for the length of a block. It stops at once, whatever still runs.

    Args:
        handlers: what it can run.
        options: all settings but where it listens, that is a free port; None takes the defaults, with 4
            workers.

    Raises:
        UnsupportedHandler, PluginError, UnusableFile: it cannot be built so.
    """
    async with (
        serving(_on_a_free_port(options), handlers=handlers, mode=CloseMode.NOW) as app,
        AsyncClient(app.address) as client,
    ):
        yield AsyncServer(app.address, app.manager, client)


@contextmanager
def serve(handlers: Handlers, *, options: ServeOptions | None = None) -> Iterator[Server]:
    """As `server`, for tests that block: the server has a thread and a loop of its own."""
    started: Future[_Hold] = Future()
    with ThreadPoolExecutor(1, thread_name_prefix="millhand test server") as pool:
        served = pool.submit(asyncio.run, _serve_until_released(handlers, options, started))
        served.add_done_callback(lambda ended: _pass_on(ended, started))
        hold = started.result()
        try:
            with Client(hold.address) as client:
                yield Server(hold.address, client)
        finally:
            hold.loop.call_soon_threadsafe(hold.released.set)
            served.result()


def _pass_on(ended: Future[None], started: Future[_Hold]) -> None:
    """Lets whoever waits for the start learn of what prevented it."""
    if not started.done() and (error := ended.exception()) is not None:
        started.set_exception(error)


@dataclass(frozen=True)
class _Hold:
    """What the thread of the test has of the one that serves."""

    address: str
    loop: asyncio.AbstractEventLoop
    released: asyncio.Event


async def _serve_until_released(
    handlers: Handlers, options: ServeOptions | None, started: Future[_Hold]
) -> None:
    released = asyncio.Event()
    async with serving(_on_a_free_port(options), handlers=handlers, mode=CloseMode.NOW) as app:
        started.set_result(_Hold(app.address, asyncio.get_running_loop(), released))
        await released.wait()


def _on_a_free_port(options: ServeOptions | None) -> ServeOptions:
    given = options or ServeOptions(node="node-1", manager=ManagerOptions(max_workers=4))
    return replace(given, listen=ListenOptions(port=0))
