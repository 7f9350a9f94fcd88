"""Load of RegisterTasks in batches, with a stream that follows the results."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import chain, islice

import grpc.aio
from tests.bench.load.channels import channel
from tests.bench.load.specs import Specs
from tests.bench.load.window import Window, WrongResults, check_once, percentiles

from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb

REGISTER = "/millhand.v1.TaskService/RegisterTasks"
STREAM = "/millhand.v1.TaskService/StreamResults"

#: Tasks whose requests are made before the clock starts.
_AHEAD = 20_000


async def register(
    address: str, pid: int, size: int, callers: int, under_way: int, seconds: float
) -> dict[str, float]:
    """Registers `size` tasks a call while fewer than `under_way` have no result yet.

    A latency goes from the call that registers a task to the arrival of its result on the stream.
    """
    load = _Load(size, under_way)
    # The stream has a connection of its own, as that of another program would.
    method: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel(address, 1).unary_stream(STREAM)
    results = method(load.request_results())
    # The first frame says that the stream is open.
    await results.read()
    following = asyncio.create_task(load.follow(results))
    window = Window(pid)
    loop = asyncio.get_running_loop()
    closed: asyncio.Future[dict[str, float]] = loop.create_future()
    loop.call_later(seconds, lambda: closed.set_result(window.close(load.count)))
    await asyncio.gather(*(load.call(address, window.began + seconds) for _ in range(callers)))
    await load.until_all_came()
    following.cancel()
    results.cancel()
    return await closed | load.checked()


class _Load:
    def __init__(self, size: int, under_way: int) -> None:
        self._specs = Specs()
        self._size = size
        self._under_way = under_way
        self._requests = _made_ahead(self._specs.batches(size), _AHEAD // size)
        self._ids: list[str] = []
        self._called_at: list[float] = []
        self._results: list[tuple[float, task_pb2.Result]] = []
        self._came = asyncio.Event()

    @property
    def count(self) -> int:
        """Results so far."""
        return len(self._results)

    def request_results(self) -> bytes:
        wanted = task_pb2.TaskFilter(correlation_id=self._specs.run)
        return pb.StreamResultsRequest(filter=wanted, follow=True).SerializeToString()

    async def follow(self, results: grpc.aio.UnaryStreamCall[bytes, bytes]) -> None:
        while (frame := await results.read()) is not grpc.aio.EOF:
            assert isinstance(frame, bytes)
            response = pb.StreamResultsResponse.FromString(frame)
            if response.HasField("result"):
                self._results.append((time.perf_counter(), response.result))
                self._came.set()

    async def call(self, address: str, end: float) -> None:
        """Is one caller, with one call after the other until the end."""
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel(address).unary_unary(REGISTER)
        while True:
            while len(self._ids) + self._size - self.count > self._under_way:
                await self._next_result()
            now = time.perf_counter()
            if now >= end:
                return
            ids, request = next(self._requests)
            self._ids += ids
            self._called_at.append(now)
            await method(request)

    async def until_all_came(self) -> None:
        while self.count < len(self._ids):
            await self._next_result()

    async def _next_result(self) -> None:
        self._came.clear()
        await self._came.wait()

    def checked(self) -> dict[str, float]:
        """Checks what came, and returns its latencies."""
        check_once(self._ids, [result.task.id for _, result in self._results])
        if any(result.output != self._specs.payload for _, result in self._results):
            raise WrongResults("a task did not return its payload")
        numbers = (self._specs.number(result.task.id) // self._size for _, result in self._results)
        return percentiles(
            [when - self._called_at[number] for (when, _), number in zip(self._results, numbers, strict=True)]
        )


def _made_ahead(
    requests: Iterator[tuple[list[str], bytes]], number: int
) -> Iterator[tuple[list[str], bytes]]:
    return chain(list(islice(requests, number)), requests)
