"""The loop of a process that is told what to measure: a command in JSON a line, an answer a line."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Commands = Mapping[str, Callable[..., Awaitable[Any]]]


async def obey(commands: Commands) -> None:
    """Says that it is ready, and obeys until standard input ends. `do` names the command."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read, daemon=True).start()
    _say("ready")
    while line := await lines.get():
        command = json.loads(line)
        _say(json.dumps(await commands[command.pop("do")](**command)))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
