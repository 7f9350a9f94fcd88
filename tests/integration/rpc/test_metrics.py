from __future__ import annotations

import asyncio

import grpc
from tests.integration.rpc.conftest import SOON_S, Serve, drain, failure
from tests.integration.rpc.test_adapter import GARBAGE, GET, Fake

from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb
from millhand_server.core.errors import TaskNotFound
from millhand_server.rpc.interceptors.metrics import CallCounts, Ends, MethodCalls

RESPONSE = pb.GetTaskResponse(task=task_pb2.Task(id="t1"))


async def test_a_call_counts_its_status_its_time_and_its_bytes(serve: Serve) -> None:
    counts = CallCounts()
    async with serve(Fake(), counts=counts) as wire:
        await wire.unary("GetTask", GET)

    calls = _of(counts, "GetTask")
    ends = calls.ends[grpc.StatusCode.OK]
    assert (calls.started, calls.open, list(calls.ends)) == (1, 0, [grpc.StatusCode.OK])
    assert 0 < ends.duration_s.total < SOON_S
    assert (ends.received_bytes.total, ends.sent_bytes.total) == (len(GET), RESPONSE.ByteSize())


async def test_errors_are_counted_by_their_status(serve: Serve) -> None:
    counts = CallCounts()
    async with serve(Fake(TaskNotFound("t1")), counts=counts) as wire:
        await failure(wire.unary("GetTask", GET))
        await failure(wire.unary("GetTask", GARBAGE))
    async with serve(Fake(ValueError()), counts=counts) as wire:
        await failure(wire.unary("GetTask", GET))

    assert _statuses(_of(counts, "GetTask")) == {
        grpc.StatusCode.NOT_FOUND: 1,
        grpc.StatusCode.INVALID_ARGUMENT: 1,
        grpc.StatusCode.INTERNAL: 1,
    }


async def test_a_caller_that_goes_away_is_counted_as_cancelled(serve: Serve) -> None:
    counts = CallCounts()
    fake = Fake()
    async with serve(fake, counts=counts) as wire:
        call = wire.stream("StreamResults")
        await call.read()
        open_now = _of(counts, "StreamResults").open
        call.cancel()
        await asyncio.wait_for(fake.closed.wait(), SOON_S)

    calls = _of(counts, "StreamResults")
    assert (open_now, calls.open, calls.is_stream) == (1, 0, True)
    assert _statuses(calls) == {grpc.StatusCode.CANCELLED: 1}


async def test_a_stream_counts_the_bytes_of_all_its_messages_both_ways(serve: Serve) -> None:
    counts = CallCounts()
    requests = [pb.SessionRequest(request_id=name) for name in ("a", "bb", "ccc")]
    async with serve(Fake(), counts=counts) as wire:
        call = wire.session()
        for request in requests:
            await call.write(request.SerializeToString())
        await call.done_writing()
        frames = await drain(call)

    ends = _of(counts, "Session").ends[grpc.StatusCode.OK]
    assert ends.received_bytes.total == sum(request.ByteSize() for request in requests)
    assert ends.sent_bytes.total == sum(len(frame) for frame in frames)


def _of(counts: CallCounts, name: str) -> MethodCalls:
    return dict(counts)[f"/millhand.v1.TaskService/{name}"]


def _statuses(calls: MethodCalls) -> dict[grpc.StatusCode, int]:
    def count(ends: Ends) -> int:
        return ends.duration_s.count()

    return {code: count(ends) for code, ends in calls.ends.items()}
