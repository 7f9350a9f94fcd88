"""The client process: reads a command a line, makes that load, and answers with what it measured."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from tests.bench.load import batches, session, unary

_LOADS: dict[str, Callable[..., Awaitable[dict[str, float]]]] = {
    "unary": unary.call,
    "session": session.run,
    "batches": batches.register,
}


async def serve() -> None:
    """Obeys until standard input ends."""
    commands: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(commands.put_nowait, line)
        loop.call_soon_threadsafe(commands.put_nowait, "")

    threading.Thread(target=read, daemon=True).start()
    _say("ready")
    while line := await commands.get():
        command: dict[str, Any] = json.loads(line)
        _say(json.dumps(await _LOADS[command.pop("load")](**command)))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
    # What else is open ends with the process.
    os._exit(0)
