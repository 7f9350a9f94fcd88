"""Dramatiq's client process."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.bench.commands import obey
from tests.bench.peers.dramatiq_app import echo
from tests.bench.peers.fifo import commands

_PATIENCE_MS = 60_000


def _result(message: Any) -> object:
    return message.get_result(block=True, timeout=_PATIENCE_MS)


if __name__ == "__main__":
    # The worker is there when it has run a task.
    _result(echo.send("ready?"))
    asyncio.run(obey(commands(echo.send, _result)))
