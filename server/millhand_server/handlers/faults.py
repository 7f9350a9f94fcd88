"""Handlers that behave badly on purpose, to see what a server does with them. Loaded only by name."""

import asyncio
import time
from typing import Any

from millhand.kit import Handlers
from millhand_server.handlers.requests import read_fields, read_number

_MAX_SECONDS = 3600
_LOOPS_BETWEEN_CLOCK_READINGS = 1000

handlers = Handlers()


@handlers.handler("stubborn", timeout=0, raise_on_cancel=False, example={"seconds": 1})
def stubborn(request: dict[str, Any]) -> dict[str, float]:
    """Sleeps for `seconds` in a thread and ignores every cancellation."""
    seconds = _seconds(request)
    time.sleep(seconds)
    return {"slept": seconds}


@handlers.handler("stubborn_async", timeout=0, raise_on_cancel=False, example={"seconds": 1})
async def stubborn_async(request: dict[str, Any]) -> dict[str, float]:
    """Sleeps for `seconds` on the event loop and ignores every cancellation."""
    seconds = _seconds(request)
    end = time.monotonic() + seconds
    while (remaining := end - time.monotonic()) > 0:
        try:
            await asyncio.sleep(remaining)
        except asyncio.CancelledError:
            continue  # Being stubborn is what this handler is for.
    return {"slept": seconds}


@handlers.handler("busy_thread", timeout=0, example={"seconds": 0.1})
def busy_thread(request: dict[str, Any]) -> dict[str, int]:
    """Keeps a thread, and the interpreter's lock, busy with pure Python for `seconds`."""
    return {"loops": _burn(_seconds(request))}


@handlers.handler("busy_async", timeout=0, example={"seconds": 0.1})
async def busy_async(request: dict[str, Any]) -> dict[str, int]:
    """Keeps the event loop of the async handlers busy for `seconds` and never awaits."""
    return {"loops": _burn(_seconds(request))}


def _seconds(request: dict[str, Any]) -> float:
    return read_number(read_fields(request, "seconds"), "seconds", low=0, high=_MAX_SECONDS)


def _burn(seconds: float) -> int:
    end = time.perf_counter() + seconds
    loops = 0
    while time.perf_counter() < end:
        for _ in range(_LOOPS_BETWEEN_CLOCK_READINGS):
            loops += 1
    return loops
