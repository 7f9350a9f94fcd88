"""Readers of results: those that take all there is, over and over, and those that wait for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc.aio
from tests.bench.echo import REPEAT
from tests.bench.load.batches import STREAM
from tests.bench.load.channels import channel
from tests.bench.load.window import Window, WrongResults

from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb

_Stream = grpc.aio.UnaryStreamCall[bytes, bytes]

#: Streams that are held open until the process ends.
_held: list[_Stream] = []


async def read(address: str, pid: int, readers: int, seconds: float) -> dict[str, float]:
    """Lets readers, a connection each, take all results from the first on, and begin again at the end."""
    request = pb.StreamResultsRequest(after="0").SerializeToString()
    passes, measured = await _read(address, pid, STREAM, request, readers, seconds)
    logs = [list(filter(None, map(_id_of, messages))) for messages in passes]
    longest = max(logs, key=len)
    # The readers were cut off somewhere, each in its last pass.
    if len(set(longest)) != len(longest) or any(log != longest[: len(log)] for log in logs):
        raise WrongResults("readers did not get the same results, each once")
    return measured


async def read_bare(
    address: str, pid: int, readers: int, seconds: float, message: str, number: int
) -> dict[str, float]:
    """Does the same on the bare server, which sends `message` (in hex) `number` times a stream."""
    sent = bytes.fromhex(message)
    request = number.to_bytes(4, "big") + sent
    passes, measured = await _read(address, pid, REPEAT, request, readers, seconds)
    if any(len(messages) > number or set(messages) - {sent} for messages in passes):
        raise WrongResults("the bare stream did not send what it was told")
    return measured


async def first_result(address: str) -> str:
    """Returns the message that brings a server's first result, in hex."""
    return (await _first_message(address)).hex()


async def first_start(address: str) -> float:
    """Returns when the task of a server's first result was started, in seconds since 1970; waits for one."""
    response = pb.StreamResultsResponse.FromString(await _first_message(address))
    return response.result.task.start_time.ToMicroseconds() / 1e6


async def hold(address: str, readers: int) -> None:
    """Opens streams, a connection each, whose filters match nothing, and holds them."""
    wanted = task_pb2.TaskFilter(queues=["nothing-is-here"])
    request = pb.StreamResultsRequest(filter=wanted, follow=True).SerializeToString()
    calls = [_open(address, number, STREAM, request) for number in range(readers)]
    # The first frame says that the stream is open.
    await asyncio.gather(*map(_next, calls))
    _held.extend(calls)


async def _first_message(address: str) -> bytes:
    call = _open(address, 0, STREAM, pb.StreamResultsRequest(after="0", follow=True).SerializeToString())
    while not _id_of(message := await _next(call) or b""):
        pass
    call.cancel()
    return message


async def _read(
    address: str, pid: int, path: str, request: bytes, readers: int, seconds: float
) -> tuple[Sequence[Sequence[bytes]], dict[str, float]]:
    """Returns the messages of each pass of each reader, and how many a second there were."""
    passes: list[list[bytes]] = []

    async def one_reader(number: int) -> None:
        while True:
            call = _open(address, number, path, request)
            # Messages are looked at when the clock has stopped.
            messages: list[bytes] = []
            passes.append(messages)
            while message := await _next(call):
                messages.append(message)

    loop = asyncio.get_running_loop()
    closed: asyncio.Future[dict[str, float]] = loop.create_future()
    window = Window(pid)
    loop.call_later(seconds, lambda: closed.set_result(window.close(sum(map(len, passes)))))
    reading = [asyncio.create_task(one_reader(number)) for number in range(readers)]
    measured = await closed
    for one in reading:
        one.cancel()
    for ended in await asyncio.gather(*reading, return_exceptions=True):
        if not isinstance(ended, asyncio.CancelledError):
            raise WrongResults("a reader's stream broke") from ended
    return passes, measured


def _open(address: str, number: int, path: str, request: bytes) -> _Stream:
    method: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel(address, number).unary_stream(path)
    return method(request)


async def _next(call: _Stream) -> bytes | None:
    message = await call.read()
    return message if isinstance(message, bytes) else None


def _id_of(message: bytes) -> str:
    """Returns the id of the task whose result a frame brings, if it brings one."""
    return pb.StreamResultsResponse.FromString(message).result.task.id
