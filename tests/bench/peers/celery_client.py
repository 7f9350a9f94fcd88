"""Celery's client process."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.bench.commands import obey
from tests.bench.peers.celery_app import echo
from tests.bench.peers.fifo import commands

_PATIENCE_S = 60.0


def _result(handle: Any) -> object:
    return handle.get(timeout=_PATIENCE_S)


if __name__ == "__main__":
    # The worker is there when it has run a task.
    _result(echo.delay("ready?"))
    asyncio.run(obey(commands(echo.delay, _result)))
