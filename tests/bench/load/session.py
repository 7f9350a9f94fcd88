"""Load of one Session: tasks in messages of one size, results against a window of tasks under way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from itertools import chain, islice

import grpc.aio
from tests.bench.load.channels import channel
from tests.bench.load.queued import set_workers
from tests.bench.load.specs import Specs, field
from tests.bench.load.window import Window, WrongResults, check_once, percentiles

from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb

_SESSION = "/millhand.v1.TaskService/Session"

#: Tasks whose messages are made before the clock starts.
_AHEAD = 20_000


async def run(
    address: str, pid: int, size: int, under_way: int, seconds: float, workers: int | None = None
) -> dict[str, float]:
    """Registers `size` tasks a message while fewer than `under_way` have no result yet.

    A latency goes from the writing of a task's message to the arrival of its result. With `workers` there are
    so many from the first tasks to the last result, and none before and after.
    """
    load = _Load(size, under_way)
    method: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel(address).stream_stream(_SESSION)
    call = method()
    await _subscribe(call)
    reading = asyncio.create_task(load.read(call))
    window = Window(pid)
    loop = asyncio.get_running_loop()
    closed: asyncio.Future[dict[str, float]] = loop.create_future()
    loop.call_later(seconds, lambda: closed.set_result(window.close(load.count)))
    writing = asyncio.create_task(load.write(call, window.began + seconds))
    if workers is not None:
        await set_workers(address, workers)
    await writing
    if workers is not None:
        await load.until_all_came()
        await set_workers(address, 0)
    await call.done_writing()
    await reading
    return await closed | load.checked()


class _Load:
    def __init__(self, size: int, under_way: int) -> None:
        self._specs = Specs()
        self._size = size
        self._under_way = under_way
        self._messages = _made_ahead(self._specs.batches(size), _AHEAD // size)
        self._ids: list[str] = []
        self._written_at: list[float] = []
        self._frames: list[tuple[float, pb.SessionResponse]] = []
        self._came = asyncio.Event()
        #: Results so far.
        self.count = 0

    async def write(self, call: grpc.aio.StreamStreamCall[bytes, bytes], end: float) -> None:
        for ids, message in self._messages:
            while len(self._ids) + self._size - self.count > self._under_way:
                await self._next_results()
            now = time.perf_counter()
            if now >= end:
                return
            self._ids += ids
            self._written_at.append(now)
            await call.write(message)

    async def until_all_came(self) -> None:
        while self.count < len(self._ids):
            await self._next_results()

    async def read(self, call: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
        async for frame in _responses(call):
            response = pb.SessionResponse.FromString(frame)
            self._frames.append((time.perf_counter(), response))
            if results := len(response.results.results):
                self.count += results
                self._came.set()

    async def _next_results(self) -> None:
        self._came.clear()
        await self._came.wait()

    def checked(self) -> dict[str, float]:
        """Checks what came, and returns its latencies."""
        came: list[str] = []
        took: list[float] = []
        for arrived, response in self._frames:
            if response.HasField("error") or any(
                one.HasField("error") for one in response.registered.results
            ):
                raise WrongResults(f"tasks were refused: {response}")
            for result in response.results.results:
                if (
                    result.task.status != task_pb2.TASK_STATUS_COMPLETED
                    or result.output != self._specs.payload
                ):
                    raise WrongResults(f"{result.task.id} did not return its payload")
                came.append(result.task.id)
                took.append(arrived - self._written_at[self._specs.number(result.task.id) // self._size])
        check_once(self._ids, came)
        return percentiles(took)


async def _subscribe(call: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
    """Asks for the session's own results from now on, without a bound by credit: the window is the bound.

    By default it would first look through all results of earlier windows for its own.
    """
    await _ask(call, pb.SessionRequest(credit=pb.SessionCredit(results=1_000_000_000)))
    all_from_now_on = pb.SessionSubscribe(scope=pb.SUBSCRIBE_SCOPE_FILTER)
    answer = await _ask(call, pb.SessionRequest(subscribe=all_from_now_on))
    own = pb.SessionSubscribe(after=answer.subscribed.cursor)
    await _ask(call, pb.SessionRequest(subscribe=own))


async def _ask(
    call: grpc.aio.StreamStreamCall[bytes, bytes], request: pb.SessionRequest
) -> pb.SessionResponse:
    await call.write(request.SerializeToString())
    answer = await call.read()
    assert isinstance(answer, bytes)
    return pb.SessionResponse.FromString(answer)


def _made_ahead(batches: Iterator[tuple[list[str], bytes]], number: int) -> Iterator[tuple[list[str], bytes]]:
    messages = ((ids, field(3, field_of_tasks)) for ids, field_of_tasks in batches)
    return chain(list(islice(messages, number)), messages)


async def _responses(call: grpc.aio.StreamStreamCall[bytes, bytes]) -> AsyncIterator[bytes]:
    while (frame := await call.read()) is not grpc.aio.EOF:
        assert isinstance(frame, bytes)
        yield frame
