"""The window of tasks that a peer's blocking client keeps open."""

from __future__ import annotations

import os

import pytest
from tests.bench.load.window import WrongResults
from tests.bench.peers.fifo import ARGUMENT_BYTES, commands


class Queue:
    """Returns every argument, or what it is told to; knows how many were without a result at most."""

    def __init__(self, wrong: str | None = None) -> None:
        self._wrong = wrong
        self._opened: list[str] = []
        self.most = 0

    def submit(self, argument: str) -> str:
        assert len(argument) == ARGUMENT_BYTES
        self._opened.append(argument)
        self.most = max(self.most, len(self._opened))
        return argument

    def result(self, handle: str) -> str:
        assert self._opened.pop(0) == handle
        return self._wrong or handle


async def test_the_oldest_task_is_awaited_when_the_window_is_full() -> None:
    queue = Queue()
    run = commands(queue.submit, queue.result)["run"]

    measured = await run(pids=[os.getpid()], in_flight=3, seconds=0.01)

    assert queue.most == 3
    assert measured["count"] > 3
    assert measured["all_us"] >= measured["server_us"]


async def test_a_result_that_is_not_the_argument_ends_the_run() -> None:
    queue = Queue(wrong="another")
    run = commands(queue.submit, queue.result)["run"]

    with pytest.raises(WrongResults):
        await run(pids=[os.getpid()], in_flight=3, seconds=0.001)
