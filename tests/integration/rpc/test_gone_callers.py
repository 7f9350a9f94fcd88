from __future__ import annotations

import asyncio
import logging
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from tests.integration.rpc.conftest import SOON_S, Serve

from millhand.v1 import task_service_pb2 as pb
from millhand_server.rpc.context import CallContext

#: A write that takes so long waits for its reader.
_STALL_S = 0.2

#: Reads one frame and no more.
_STALLED = """
import sys, threading
import grpc

channel = grpc.insecure_channel(sys.argv[1])
if sys.argv[2] == "Session":
    call = channel.stream_stream("/millhand.v1.TaskService/Session")(iter([b""]))
else:
    call = channel.unary_stream("/millhand.v1.TaskService/StreamResults")(b"")
next(call)
print(flush=True)
threading.Event().wait()
"""


class Flood:
    """Writes as much as its reader takes, and notes when it has to wait, and when it has ended."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.wrote = asyncio.Event()

    async def StreamResults(self, request: Any, context: CallContext) -> AsyncIterator[Any]:
        try:
            while True:
                yield pb.StreamResultsResponse(cursor="c" * 500_000)
                self.wrote.set()
        finally:
            self.ended.set()

    async def Session(self, requests: Any, context: CallContext) -> None:
        try:
            while True:
                await context.write(pb.SessionResponse(request_id="c" * 500_000))
                self.wrote.set()
        finally:
            self.ended.set()

    def __getattr__(self, name: str) -> Any:
        return self.StreamResults

    async def until_stalled(self) -> None:
        """Returns when nothing more can be written: then a write waits."""
        with suppress(TimeoutError):
            while True:
                self.wrote.clear()
                await asyncio.wait_for(self.wrote.wait(), _STALL_S)


@pytest.mark.parametrize("method", ["StreamResults", "Session"])
async def test_a_caller_that_dies_while_it_is_written_to_is_no_error_of_ours(
    serve: Serve, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    caplog.set_level(logging.DEBUG, "millhand_server")
    flood = Flood()

    async with asyncio.timeout(SOON_S), serve(flood) as wire:
        caller = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _STALLED, wire.address, method, stdout=PIPE
        )
        assert caller.stdout is not None
        await caller.stdout.readline()
        await flood.until_stalled()
        caller.kill()
        await caller.wait()
        await flood.ended.wait()

    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
    assert "Traceback" not in caplog.text
