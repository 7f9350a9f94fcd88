"""Load of a queue whose client blocks: a window of tasks without a result, of which the oldest is awaited."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from tests.bench.commands import Commands
from tests.bench.load.window import Window, WrongResults, percentiles

#: The size of a task's argument, which is all ASCII.
ARGUMENT_BYTES = 100

H = TypeVar("H")


def commands(submit: Callable[[str], H], result: Callable[[H], object]) -> Commands:
    """Returns what a peer's client process obeys.

    Args:
        submit: Hands a task to the queue, and returns what its result is asked for with.
        result: Waits for a result, which must be the argument.
    """

    async def run(pids: Sequence[int], in_flight: int, seconds: float) -> dict[str, float]:
        return _run(submit, result, pids, in_flight, seconds)

    return {"run": run}


def _run(
    submit: Callable[[str], H],
    result: Callable[[H], object],
    pids: Sequence[int],
    in_flight: int,
    seconds: float,
) -> dict[str, float]:
    run = secrets.token_hex(4)
    opened: deque[tuple[float, H]] = deque()
    results: list[object] = []
    took: list[float] = []
    window = Window(*pids)
    submitted = 0
    while (began := time.perf_counter()) < window.began + seconds or opened:
        if began < window.began + seconds and len(opened) < in_flight:
            opened.append((began, submit(_argument(run, submitted))))
            submitted += 1
        else:
            since, handle = opened.popleft()
            results.append(result(handle))
            took.append(time.perf_counter() - since)
    measured = window.close(len(results)) | percentiles(took)
    if results != [_argument(run, number) for number in range(submitted)]:
        raise WrongResults("a task did not return its argument")
    return measured


def _argument(run: str, number: int) -> str:
    return f"{run}-{number}".ljust(ARGUMENT_BYTES, "x")
