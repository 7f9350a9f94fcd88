from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from tests.integration.client.driving import driven
from tests.integration.security.conftest import new_authority  # noqa: F401 (a fixture)

from millhand import Fatal, Handlers, TaskContext
from millhand_server.app import App
from millhand_server.config.options import ListenOptions, ServeOptions
from millhand_server.engine.answers import CloseMode
from millhand_server.engine.options import Limits, ManagerOptions

_LONG_S = 30


@dataclass(frozen=True)
class Server:
    """A real server in this process, and the gate at which its `gated` tasks wait."""

    address: str
    gate: threading.Event


@pytest.fixture
async def server(max_queued: int) -> AsyncIterator[Server]:
    gate = threading.Event()
    limits = Limits(max_queued=max_queued)
    manager = ManagerOptions(max_workers=2, max_retries=0, grace_us=1_000_000, limits=limits)
    app = App(ServeOptions(node="n", listen=ListenOptions(port=0), manager=manager), handlers=_handlers(gate))
    await app.start()
    try:
        yield Server(app.address, gate)
    finally:
        gate.set()
        await app.stop(CloseMode.NOW)
        await app.run_until_stopped()


@pytest.fixture
def max_queued() -> int:
    return 1_000


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


@pytest.fixture(params=["sync", "async"])
def which(request: pytest.FixtureRequest) -> str:
    """Which client the test is run with."""
    return str(request.param)


@pytest.fixture
async def client(which: str, server: Server, threads: ThreadPoolExecutor) -> AsyncIterator[Any]:
    async with driven(which, threads, server.address) as client:
        yield client


def _handlers(gate: threading.Event) -> Handlers:
    handlers = Handlers()

    @handlers.handler("echo")
    def echo(request: Any) -> Any:
        return request

    @handlers.handler("fail")
    def fail(request: Any) -> None:
        raise Fatal("NO_PAPER", "the tray is empty")

    @handlers.handler("gated")
    def gated(request: Any, task: TaskContext) -> Any:
        task.progress(0.5, "at the gate")
        gate.wait(_LONG_S)
        task.raise_if_cancelled()
        return request

    @handlers.handler("hold")
    def hold(request: Any, task: TaskContext) -> None:
        task.progress(0.0, "holding")
        task.wait_cancelled(_LONG_S)
        task.raise_if_cancelled()

    return handlers
