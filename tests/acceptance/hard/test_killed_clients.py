"""A client that is killed in the middle of a call frees all that the server held for it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio
from tests.acceptance.conftest import PATIENCE_S
from tests.acceptance.hard import programs
from tests.acceptance.hard.processes import Program, resident_mb

from millhand import Client, task_spec
from millhand_server.app.composition import App, serving
from millhand_server.config.options import ListenOptions, ServeOptions, StoreOptions
from millhand_server.core.ports import Retention
from millhand_server.core.status import TaskStatus
from millhand_server.engine.answers import CloseMode
from millhand_server.engine.options import Limits, ManagerOptions

#: So many streams the server allows: one that a dead client still held would be missed soon.
_STREAMS = 3
_RETAINED = 100


@dataclass(frozen=True)
class Held:
    """What a server keeps for clients that are in the middle of a call."""

    calls: int
    followers: int
    waiters: int


NOTHING = Held(0, 0, 0)


@pytest_asyncio.fixture
async def app() -> AsyncIterator[App]:
    """A server in this process, so that one can look into it."""
    options = ServeOptions(
        "node",
        ListenOptions(port=0),
        StoreOptions(retention=Retention(count=_RETAINED)),
        manager=ManagerOptions(limits=Limits(max_streams=_STREAMS)),
    )
    async with serving(options, mode=CloseMode.NOW) as app:
        yield app


@pytest.mark.parametrize(
    "program",
    [programs.hold_results, programs.hold_cancelled, programs.hold_session],
    ids=["StreamResults", "GetCancelled", "Session"],
)
async def test_a_client_killed_in_its_stream_frees_all_it_held(
    app: App, program: Callable[..., None]
) -> None:
    await asyncio.to_thread(_fill_log, app.address)

    for _ in range(2 * _STREAMS):
        async with _holding(program, app.address) as client:
            assert _held(app) == Held(calls=1, followers=1, waiters=0)

            client.kill()

            await _until_idle(app)
            assert _held(app) == NOTHING


async def test_a_caller_killed_while_it_waits_for_a_task_frees_its_wait_and_the_task_lives_on(
    app: App,
) -> None:
    async with _holding(programs.hold_execution, app.address, "long") as client:
        assert _held(app) == Held(calls=1, followers=0, waiters=1)

        client.kill()

        await _until_idle(app)
        assert _held(app) == NOTHING
        assert (await app.manager.get_task("long")).status is TaskStatus.RUNNING


@pytest.mark.timeout(180)
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
async def test_memory_does_not_grow_over_200_killed_clients(app: App) -> None:
    await asyncio.to_thread(_fill_log, app.address)

    await _kill_clients(app, 50)
    settled = resident_mb(os.getpid())
    await _kill_clients(app, 200)

    assert _held(app) == NOTHING
    assert resident_mb(os.getpid()) - settled < 16


async def _kill_clients(app: App, count: int) -> None:
    for _ in range(count):
        async with _holding(programs.hold_everything, app.address, "long"):
            assert _held(app) == Held(calls=4, followers=3, waiters=1)
        await _until_idle(app)


@asynccontextmanager
async def _holding(program: Callable[..., None], *arguments: str) -> AsyncIterator[Program]:
    """Runs a program that holds something of the server's by the time the block begins."""
    with Program(program, *arguments) as client:
        assert await asyncio.to_thread(client.says) == "holds"
        yield client


async def _until_idle(app: App) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await app._rpc.open_calls.until_idle()


def _held(app: App) -> Held:
    tail = app.manager._engine.shared.tail
    waiters = sum(map(len, tail._waiters.values()))
    return Held(app._rpc.open_calls._count, len(tail._followers), waiters)


def _fill_log(address: str) -> None:
    """Lets as much become final as is retained: more bytes than any window of a stream takes."""
    with Client(address) as client:
        client.register_many(task_spec("echo", "x" * 10_000) for _ in range(_RETAINED))
        assert client.wait(timeout=PATIENCE_S).done
