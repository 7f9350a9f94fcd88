"""Readers that stop reading cost the server a bounded amount of memory, and learn what they missed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
from tests.acceptance.conftest import PATIENCE_S, Serve
from tests.acceptance.hard.processes import resident_mb

from millhand import Client, task_spec
from millhand.v1 import task_service_pb2 as pb
from millhand.v1.task_service_pb2_grpc import TaskServiceStub

_TASKS = 20_000
_OUTPUT = "x" * 10_000
_BATCH = 200

#: What is kept for all to read, which is the log and no reader's cost: about 20 MB.
_RETAINED = 1_000

#: All results together are 200 MB. A reader's windows and buffers are a few of these.
_ALLOWED_MB = 64


def _stream(policy: pb.SlowReader) -> Callable[[TaskServiceStub], Iterator[Any]]:
    def opened(stub: TaskServiceStub) -> Iterator[Any]:
        return stub.StreamResults(pb.StreamResultsRequest(follow=True, slow_reader=policy))

    return opened


def _session(stub: TaskServiceStub) -> Iterator[Any]:
    """A session that takes everybody's results, and allows as many as it can say."""
    requests: SimpleQueue[pb.SessionRequest] = SimpleQueue()
    requests.put(pb.SessionRequest(subscribe=pb.SessionSubscribe(scope=pb.SUBSCRIBE_SCOPE_FILTER)))
    requests.put(pb.SessionRequest(credit=pb.SessionCredit(results=2**31 - 1 - 1_000)))
    return stub.Session(iter(requests.get, None))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_readers_that_stop_reading_cost_bounded_memory(serve: Serve) -> None:
    server = serve("--store", "memory:", "--retention-count", str(_RETAINED))
    with ExitStack() as opened, Client(server.address) as client:
        _finish_tasks(client, 2 * _RETAINED)
        settled = resident_mb(server.process.pid)
        block, gap, disconnect, session = (
            _open(opened, server.address, how)
            for how in (
                _stream(pb.SLOW_READER_BLOCK),
                _stream(pb.SLOW_READER_GAP),
                _stream(pb.SLOW_READER_DISCONNECT),
                _session,
            )
        )

        _finish_tasks(client, _TASKS)
        grown = resident_mb(server.process.pid) - settled

        assert grown < _ALLOWED_MB
        assert _read_on(block) == _TASKS
        assert _read_on(gap) == _TASKS
        assert _read_session_on(session) == _TASKS
        with pytest.raises(grpc.RpcError) as refused:
            for _ in disconnect:
                pass
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def _open(opened: ExitStack, address: str, how: Callable[[TaskServiceStub], Iterator[Any]]) -> Iterator[Any]:
    """Opens a stream on a connection of its own, and reads no more than its first frame."""
    channel = opened.enter_context(
        grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
    )
    frames = how(TaskServiceStub(channel))
    next(frames)
    return frames


def _finish_tasks(client: Client, count: int) -> None:
    for _ in range(count // _BATCH):
        client.register_many(task_spec("echo", _OUTPUT) for _ in range(_BATCH))
    assert client.wait(timeout=PATIENCE_S).done


def _read_on(frames: Iterator[pb.StreamResultsResponse]) -> int:
    """Reads on, and returns how many results came or were missed once all are accounted for."""
    count = 0
    while count < _TASKS:
        frame = next(frames)
        count += frame.gap.missed + frame.HasField("result")
    return count


def _read_session_on(frames: Iterator[pb.SessionResponse]) -> int:
    count = 0
    while count < _TASKS:
        frame = next(frames)
        count += frame.gap.missed + len(frame.results.results)
    return count
