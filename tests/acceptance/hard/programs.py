"""What the client processes do: each function is a program, and says on its last argument how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue

import grpc
import grpc.aio
from tests.acceptance.hard.journal import Entry, Journal

from millhand import Client, Gap, Result, task_spec
from millhand.v1 import task_service_pb2 as pb
from millhand.v1.task_service_pb2_grpc import TaskServiceStub


def read_into(address: str, path: Path, said: Connection) -> None:
    """Follows the log into a journal, and says each task's id, or "gap", once it is written."""
    journal = Journal(path)
    with Client(address) as client, client.results(after=journal.cursor) as records:
        for record in records:
            entry = _entry(record)
            journal.append(entry)
            said.send(entry.task_id or "gap")


def cancel_each(address: str, ids: Sequence[str], said: Connection) -> None:
    """Cancels tasks one by one, waiting for each to stop, and says the outcomes."""
    with Client(address) as client:
        for task_id in ids:
            said.send(int(client.cancel(task_id, wait=10).outcome))


def hold_results(address: str, said: Connection) -> None:
    """Follows all results, and says when it has begun."""
    _hold([_results(_connect(address))], said)


def hold_cancelled(address: str, said: Connection) -> None:
    """Follows the cancelled tasks, and says when it has begun."""
    _hold([_cancelled(_connect(address))], said)


def hold_session(address: str, said: Connection) -> None:
    """Subscribes to everybody's results from the oldest on, reads none, and says when it has begun."""
    _hold([_session(_connect(address))], said)


def hold_execution(address: str, task: str, said: Connection) -> None:
    """Waits for the end of a long `sleep` of that id, and says when the server has it."""
    _hold([_execution(_connect(address), task)], said)


def hold_everything(address: str, task: str, said: Connection) -> None:
    """Does all of it over one connection, and says when all has begun."""
    channel = _connect(address)
    _hold([_results(channel), _cancelled(channel), _session(channel), _execution(channel, task)], said)


def listen(address: str, streams: int, last: str, said: Connection) -> None:
    """Follows all results on many streams, each on a connection of its own, until a task's result has come.

    Says "open" when all have begun, then how many results each one got.
    """
    asyncio.run(_listen(address, streams, last, said))


async def _listen(address: str, count: int, last: str, said: Connection) -> None:
    async with AsyncExitStack() as opened:
        own_connection = (("grpc.use_local_subchannel_pool", 1),)
        channels = [
            await opened.enter_async_context(grpc.aio.insecure_channel(address, own_connection))
            for _ in range(count)
        ]
        request = pb.StreamResultsRequest(follow=True)
        streams = [aiter(TaskServiceStub(channel).StreamResults(request)) for channel in channels]
        await asyncio.gather(*(anext(stream) for stream in streams))
        said.send("open")
        said.send(await asyncio.gather(*(_count_results(stream, last) for stream in streams)))


async def _count_results(frames: AsyncIterator[pb.StreamResultsResponse], last: str) -> int:
    count = 0
    async for frame in frames:
        count += frame.HasField("result")
        if frame.result.task.id == last:
            break
    return count


def _hold(calls: Sequence[object], said: Connection) -> None:
    """Keeps the calls until the end: gRPC cancels one that nobody refers to any more."""
    said.send("holds")
    SimpleQueue[None]().get()
    del calls


def _results(channel: grpc.Channel) -> object:
    return _begun(TaskServiceStub(channel).StreamResults(pb.StreamResultsRequest(follow=True, after="0")))


def _cancelled(channel: grpc.Channel) -> object:
    return _begun(TaskServiceStub(channel).GetCancelled(pb.GetCancelledRequest(follow=True)))


def _session(channel: grpc.Channel) -> object:
    requests: SimpleQueue[pb.SessionRequest] = SimpleQueue()
    subscribe = pb.SessionSubscribe(scope=pb.SUBSCRIBE_SCOPE_FILTER, after="0")
    requests.put(pb.SessionRequest(subscribe=subscribe))
    return _begun(TaskServiceStub(channel).Session(iter(requests.get, None)))


def _begun(frames: Iterator[object]) -> object:
    next(frames)
    return frames


def _execution(channel: grpc.Channel, task: str) -> object:
    # As a stream: a unary call of gRPC's Python shows its initial metadata only when it is over.
    method: grpc.UnaryStreamMultiCallable[pb.ExecuteTaskRequest, bytes] = channel.unary_stream(
        "/millhand.v1.TaskService/ExecuteTask", pb.ExecuteTaskRequest.SerializeToString
    )
    call = method(pb.ExecuteTaskRequest(task=task_spec("sleep", {"seconds": 600}, id=task)))
    assert ("millhand-task-id", task) in call.initial_metadata()
    return call


def _connect(address: str) -> grpc.Channel:
    return grpc.insecure_channel(address)


def _entry(record: object) -> Entry:
    if isinstance(record, Gap):
        return Entry(record.cursor, missed=record.missed, replaced=record.log_replaced)
    assert isinstance(record, Result)
    return Entry(record.cursor, record.task.id)
