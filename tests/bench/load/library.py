"""Load of the Python client library, used as its documentation shows it: `await client.execute(...)`."""

from __future__ import annotations

import asyncio
import time

from tests.bench.load.window import Window, WrongResults, percentiles

from millhand import AsyncClient


async def execute(
    address: str, pid: int, in_flight: int, seconds: float, argument_bytes: int
) -> dict[str, float]:
    """Executes tasks, as many callers at once as said, each with an argument of its own."""
    took: list[float] = []
    wrong = 0
    submitted = 0
    async with AsyncClient(address) as client:
        await client.execute("echo", "ready?")
        window = Window(pid)

        async def one_caller() -> None:
            nonlocal submitted, wrong
            while (began := time.perf_counter()) < window.began + seconds:
                argument = f"{submitted}".ljust(argument_bytes, "x")
                submitted += 1
                wrong += await client.execute("echo", argument) != argument
                took.append(time.perf_counter() - began)

        await asyncio.gather(*(one_caller() for _ in range(in_flight)))
        measured = window.close(len(took))
    if wrong:
        raise WrongResults(f"{wrong} tasks did not return their argument")
    return measured | percentiles(took)
