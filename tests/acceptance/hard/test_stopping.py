"""A server that is told to stop under load: what runs may finish, and nobody is left without a last word."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
from tests.acceptance.conftest import PATIENCE_S, Serve, ServerProcess

from millhand import Client, Closing, Progress, task_spec
from millhand.v1 import task_service_pb2 as pb
from millhand.v1.task_service_pb2_grpc import TaskServiceStub

_SLEEPERS = 4


class Audience:
    """All that a stream of results and a session with a subscription receive, from the start to the end."""

    def __init__(self, stub: TaskServiceStub, beside: ThreadPoolExecutor) -> None:
        self._requests: SimpleQueue[pb.SessionRequest | None] = SimpleQueue()
        stream = stub.StreamResults(pb.StreamResultsRequest(follow=True, after="0"))
        session = stub.Session(iter(self._requests.get, None))
        subscribe = pb.SessionSubscribe(scope=pb.SUBSCRIBE_SCOPE_FILTER, after="0")
        self._requests.put(pb.SessionRequest(subscribe=subscribe))
        next(session)
        self._requests.put(pb.SessionRequest(credit=pb.SessionCredit(results=1_000_000)))
        self._stream: Future[list[Any]] = beside.submit(list, stream)
        self._session: Future[list[Any]] = beside.submit(list, session)

    def heard_by_stream(self) -> tuple[list[str], pb.EndReason]:
        """Waits for the end; returns the ids of the results, and what the last frame gives as the reason."""
        *frames, last = self._stream.result(PATIENCE_S)
        return [frame.result.task.id for frame in frames if frame.HasField("result")], last.end.reason

    def heard_by_session(self) -> tuple[list[str], pb.EndReason]:
        *frames, last = self._session.result(PATIENCE_S)
        # Lets go of gRPC's sending thread.
        self._requests.put(None)
        ids = [result.task.id for frame in frames for result in frame.results.results]
        return ids, last.goodbye.reason


@contextmanager
def _audience(server: ServerProcess) -> Iterator[tuple[Client, Audience]]:
    with ExitStack() as opened:
        beside = opened.enter_context(ThreadPoolExecutor(2))
        client = opened.enter_context(Client(server.address))
        channel = opened.enter_context(grpc.insecure_channel(server.address))
        yield client, Audience(TaskServiceStub(channel), beside)


def test_under_load_running_work_finishes_and_all_that_was_acknowledged_ends_or_is_named(
    serve: Serve,
) -> None:
    server = serve("--store", "memory:", "--max-workers", str(2 * _SLEEPERS))

    with _audience(server) as (client, audience), ThreadPoolExecutor(1) as beside:
        sleepers = _start_sleepers(client, 1.0)
        begun = threading.Event()
        load = beside.submit(_register_until_refused, server.address, begun)
        assert begun.wait(PATIENCE_S)
        server.signal(signal.SIGTERM)
        acknowledged = load.result()
        streamed, reason = audience.heard_by_stream()
        delivered, goodbye = audience.heard_by_session()

    assert (reason, goodbye) == (pb.END_REASON_SHUTDOWN, pb.END_REASON_SHUTDOWN)
    assert streamed == delivered
    assert len(streamed) == len(set(streamed))
    assert set(sleepers) <= set(streamed)
    assert len(streamed) + _dropped(server) == acknowledged + _SLEEPERS


def test_queued_work_does_not_start_any_more_and_is_named(serve: Serve) -> None:
    server = serve("--store", "memory:", "--max-workers", str(_SLEEPERS))

    with _audience(server) as (client, audience):
        sleepers = _start_sleepers(client, 1.0)
        client.register_many(task_spec("echo", number) for number in range(500))
        server.signal(signal.SIGTERM)
        server.stderr.until("stopping after the running work")
        with pytest.raises(Closing):
            client.register("echo", "too late")
        streamed, _ = audience.heard_by_stream()

    assert sorted(streamed) == sorted(sleepers)
    assert server.ended() == 1
    assert "500 tasks were dropped with the memory store (500 QUEUED): " in server.stderr.rest()


def test_it_is_a_clean_end_when_the_grace_was_enough_for_all(serve: Serve) -> None:
    server = serve("--store", "memory:", "--max-workers", str(_SLEEPERS))

    with _audience(server) as (client, audience):
        sleepers = _start_sleepers(client, 1.0)
        server.signal(signal.SIGTERM)
        streamed, _ = audience.heard_by_stream()

    assert sorted(streamed) == sorted(sleepers)
    assert server.ended() == 0


def test_the_second_signal_stops_running_work_at_once_and_still_says_so_to_all(serve: Serve) -> None:
    server = serve("--store", "memory:", "--max-workers", str(_SLEEPERS), "--grace", "1h")

    with _audience(server) as (client, audience):
        _start_sleepers(client, 600)
        server.signal(signal.SIGTERM)
        server.stderr.until("stopping after the running work")
        server.signal(signal.SIGTERM)
        heard = audience.heard_by_stream(), audience.heard_by_session()

    assert heard == (([], pb.END_REASON_SHUTDOWN), ([], pb.END_REASON_SHUTDOWN))
    assert server.ended() == 1
    assert _dropped(server) == _SLEEPERS


def test_code_that_ignores_everything_delays_the_end_by_the_last_seconds_and_no_more(serve: Serve) -> None:
    server = serve(
        *("--store", "memory:", "--grace", "100ms", "--max-workers", str(1 + _SLEEPERS)),
        *("--handlers", "millhand_server.handlers:handlers"),
        *("--handlers", "millhand_server.handlers.faults:handlers"),
    )

    with _audience(server) as (client, audience):
        client.register("stubborn", {"seconds": 600}, id="stubborn")
        _start_sleepers(client, 600)
        server.signal(signal.SIGTERM)
        # The grace, five seconds after the cancel, and a little for the rest; the code has ten minutes.
        assert server.process.wait(12) == 1
        _, reason = audience.heard_by_stream()

    assert reason == pb.END_REASON_SHUTDOWN
    assert "code still running that does not stop" in server.stderr.rest()


def _start_sleepers(client: Client, seconds: float) -> list[str]:
    """Returns the ids of tasks that run, by their own word."""
    ids = [f"sleeper-{number}" for number in range(_SLEEPERS)]
    with client.results(ids=ids, include_progress=True) as reports:
        request = {"seconds": seconds, "progress": True}
        client.register_many(task_spec("sleep", request, id=task_id) for task_id in ids)
        running: set[str] = set()
        while len(running) < len(ids):
            report = next(reports)
            assert isinstance(report, Progress)
            running.add(report.task_id)
    return ids


def _register_until_refused(address: str, begun: threading.Event) -> int:
    """Registers as fast as it can, and returns how many tasks were acknowledged."""
    acknowledged = 0
    with Client(address) as client:
        while True:
            try:
                acknowledged += len(client.register_many(task_spec("echo", n) for n in range(50)))
                begun.set()
            except Closing:
                return acknowledged


def _dropped(server: ServerProcess) -> int:
    """How many tasks the server says that it dropped, once it has ended."""
    server.ended()
    said = re.search(r"(\d+) tasks? (?:was|were) dropped", server.stderr.rest())
    return int(said[1]) if said else 0
