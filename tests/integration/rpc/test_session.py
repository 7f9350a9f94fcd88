from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from tests.integration.rpc.conftest import SOON_S, drain, failure, reason_of
from tests.integration.rpc.serving import Running, serving, spec

from millhand.v1 import payload_pb2, task_pb2
from millhand.v1 import task_service_pb2 as pb
from millhand_server.core.ports import Retention
from millhand_server.testing.clock import FakeClock

OWN = pb.SessionSubscribe()


class Dialogue:
    """One Session, spoken request by request."""

    def __init__(self, server: Running) -> None:
        self._call = server.stub.Session(timeout=SOON_S)
        self._number = 0

    async def say(self, **kind: Any) -> str:
        """Sends a request and returns its id."""
        self._number += 1
        request_id = str(self._number)
        await self._call.write(pb.SessionRequest(request_id=request_id, **kind))
        return request_id

    async def ask(self, **kind: Any) -> pb.SessionResponse:
        """Sends a request and returns the next frame, which must be its answer."""
        request_id = await self.say(**kind)
        answer = await self.next()
        assert answer.request_id == request_id, answer
        return answer

    async def next(self) -> pb.SessionResponse:
        frame: pb.SessionResponse = await self._call.read()
        return frame

    async def results(self, count: int) -> list[str]:
        """Reads frames of results until there are `count`, and returns the ids of their tasks."""
        ids: list[str] = []
        while len(ids) < count:
            frame = await self.next()
            assert frame.WhichOneof("kind") == "results", frame
            ids += [result.task.id for result in frame.results.results]
        return ids

    async def end(self) -> list[pb.SessionResponse]:
        """Half-closes, and reads to the end."""
        await self._call.done_writing()
        return await self.rest()

    async def rest(self) -> list[pb.SessionResponse]:
        frames = await drain(self._call)
        assert await self._call.code() is grpc.StatusCode.OK
        return frames

    def cancel(self) -> None:
        self._call.cancel()


@asynccontextmanager
async def dialogue(**options: Any) -> AsyncIterator[tuple[Running, Dialogue]]:
    async with serving(**options) as server:
        yield server, Dialogue(server)


def register(*ids: str, handler: str = "echo", **fields: Any) -> pb.SessionRegister:
    return pb.SessionRegister(tasks=[spec(handler, id=id_, **fields) for id_ in ids])


def _kinds(frames: list[pb.SessionResponse]) -> list[str | None]:
    return [frame.WhichOneof("kind") for frame in frames]


def _reason(frame: pb.SessionResponse) -> str:
    info = error_details_pb2.ErrorInfo()
    assert frame.error.status.details[0].Unpack(info)
    return str(info.reason)


async def test_hello_is_welcomed_with_limits_credit_and_the_session_id() -> None:
    async with dialogue() as (_, session):
        answer = await session.ask(hello=pb.SessionHello(session_id="mine"))

    assert (answer.welcome.session_id, answer.welcome.credit) == ("mine", 1_000)
    assert answer.welcome.limits.max_batch_tasks == 1_000


async def test_a_session_without_a_name_is_given_one() -> None:
    async with dialogue() as (_, session):
        answer = await session.ask(hello=pb.SessionHello())

    assert answer.welcome.session_id


async def test_hello_after_another_request_is_refused_and_the_session_goes_on() -> None:
    async with dialogue() as (_, session):
        await session.ask(ping=pb.SessionPing())
        refused = await session.ask(hello=pb.SessionHello(session_id="late"))
        pong = await session.ask(ping=pb.SessionPing())

    assert _reason(refused) == "INVALID_ARGUMENT"
    assert pong.HasField("pong")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ({}, "INVALID_ARGUMENT"),
        ({"register": pb.SessionRegister()}, "INVALID_ARGUMENT"),
        ({"register": register("t1", priority=500)}, "INVALID_ARGUMENT"),
        ({"register": register("t1", handler="nobody")}, "INVALID_TASK_FUNC"),
        ({"cancel": pb.SessionCancel()}, "INVALID_ARGUMENT"),
        ({"subscribe": pb.SessionSubscribe(after="mine")}, "CURSOR_INVALID"),
        ({"credit": pb.SessionCredit(results=0)}, "INVALID_ARGUMENT"),
        ({"credit": pb.SessionCredit(results=2**31 - 1)}, "INVALID_ARGUMENT"),
    ],
    ids=["nothing", "no-tasks", "bad-task", "handler", "no-ids", "cursor", "credit", "too-much-credit"],
)
async def test_a_bad_request_is_answered_by_an_error_and_the_session_goes_on(
    kind: dict[str, Any], reason: str
) -> None:
    async with dialogue() as (_, session):
        refused = await session.ask(**kind)
        pong = await session.ask(ping=pb.SessionPing())

    assert _reason(refused) == reason
    assert pong.HasField("pong")


async def test_tasks_are_registered_labelled_and_their_results_delivered() -> None:
    async with dialogue() as (server, session):
        await session.ask(hello=pb.SessionHello(session_id="mine"))
        await session.ask(subscribe=OWN)
        registered = await session.ask(register=register("a", "b"))
        ids = await session.results(2)
        task = (await server.stub.GetTask(pb.GetTaskRequest(id="a"))).task

    assert [result.created for result in registered.registered.results] == [True, True]
    assert sorted(ids) == ["a", "b"]
    assert task.session_id == "mine"


async def test_registered_comes_before_every_result_of_its_tasks() -> None:
    known: set[str] = set()

    async with dialogue() as (_, session):
        await session.ask(subscribe=OWN)
        for number in range(100):
            await session.say(register=register(*(f"{number}-{i}" for i in range(10))))
        for frame in await session.end():
            known |= {result.task.id for result in frame.registered.results}
            early = {result.task.id for result in frame.results.results} - known
            assert not early

    assert len(known) == 1_000


async def test_items_of_a_batch_fail_for_themselves_when_asked_to() -> None:
    tasks = [spec(id="a"), spec("nobody"), spec(priority=500)]

    async with dialogue() as (_, session):
        message = pb.SessionRegister(tasks=tasks, mode=pb.REGISTER_MODE_PER_ITEM)
        answer = await session.ask(register=message)

    assert [result.task.id for result in answer.registered.results] == ["a", "", ""]


async def test_cancel_answers_each_id_in_its_order() -> None:
    async with dialogue() as (_, session):
        await session.ask(register=register("a", delay=Duration(seconds=60)))
        answer = await session.ask(cancel=pb.SessionCancel(ids=["a", "nobody", "a"]))

    outcomes = [result.outcome for result in answer.cancelled.results]
    assert outcomes == [pb.CANCEL_OUTCOME_DEQUEUED, 0, pb.CANCEL_OUTCOME_ALREADY_FINAL]
    assert [result.HasField("error") for result in answer.cancelled.results] == [False, True, False]


async def test_results_of_others_stay_out_of_the_scope_own() -> None:
    async with dialogue() as (server, session):
        await server.stub.ExecuteTask(pb.ExecuteTaskRequest(task=spec(id="other")))
        await session.ask(subscribe=OWN)
        await session.ask(register=register("mine"))
        frames = await session.end()

    assert _ids(frames) == ["mine"]


def _ids(frames: list[pb.SessionResponse]) -> list[str]:
    return [result.task.id for frame in frames for result in frame.results.results]


async def test_the_scope_filter_delivers_what_it_matches_whoever_registered_it() -> None:
    async with dialogue() as (server, session):
        await server.stub.ExecuteTask(pb.ExecuteTaskRequest(task=spec(id="before")))
        wanted = pb.SessionSubscribe(scope=pb.SUBSCRIBE_SCOPE_FILTER)
        await session.ask(subscribe=wanted)
        await server.stub.ExecuteTask(pb.ExecuteTaskRequest(task=spec(id="after")))
        now_on = await session.results(1)
        everything = pb.SessionSubscribe(scope=pb.SUBSCRIBE_SCOPE_FILTER, after="0")
        await session.ask(subscribe=everything)
        frames = await session.end()

    assert now_on == ["after"]
    assert _ids(frames) == ["before", "after"]
    assert frames[-1].goodbye.reason == pb.END_REASON_CAUGHT_UP


async def test_a_broken_session_resumes_with_nothing_lost_and_nothing_twice() -> None:
    async with serving() as server:
        first = Dialogue(server)
        await first.ask(hello=pb.SessionHello(session_id="s"))
        await first.ask(subscribe=OWN)
        await first.ask(register=register("a"))
        frame = await first.next()
        first.cancel()
        await server.stub.RegisterTask(pb.RegisterTaskRequest(task=spec(id="other")))
        second = Dialogue(server)
        await second.ask(hello=pb.SessionHello(session_id="s"))
        await second.ask(register=register("a", "b"))
        await second.ask(subscribe=pb.SessionSubscribe(after=frame.results.cursor))
        frames = await second.end()

    assert [result.task.id for result in frame.results.results] == ["a"]
    assert _ids(frames) == ["b"]


async def test_results_wait_in_the_log_for_credit_while_requests_go_on() -> None:
    async with dialogue() as (server, session):
        await session.ask(subscribe=pb.SessionSubscribe(scope=pb.SUBSCRIBE_SCOPE_FILTER, after="0"))
        for number in range(11):
            tasks = [spec(id=f"{number}-{i}") for i in range(100)]
            await server.stub.RegisterTasks(pb.RegisterTasksRequest(tasks=tasks))
        spent = await session.results(1_000)
        await server.stub.Wait(pb.WaitRequest())
        pong = await session.ask(ping=pb.SessionPing())
        credited = await session.ask(credit=pb.SessionCredit(results=30))
        thirty = await session.results(30)
        nothing = await session.ask(ping=pb.SessionPing())
        more = await session.ask(credit=pb.SessionCredit(results=500))
        rest = await session.results(70)
        frames = await session.end()

    assert (len(spent), len(thirty), len(rest)) == (1_000, 30, 70)
    assert pong.HasField("pong")
    assert nothing.HasField("pong")
    assert (credited.credited.results, more.credited.results) == (30, 500)
    assert _kinds(frames) == ["goodbye"]


@pytest.mark.parametrize(
    ("tasks", "reason"), [(1_000, pb.END_REASON_COMPLETED), (1_001, pb.END_REASON_CREDIT_SPENT)]
)
async def test_a_half_closed_session_says_whether_its_credit_was_too_little(tasks: int, reason: int) -> None:
    async with dialogue() as (_, session):
        await session.ask(subscribe=OWN)
        for start in range(0, tasks, 500):
            await session.say(register=register(*(str(i) for i in range(start, min(start + 500, tasks)))))
        frames = await session.end()

    assert len(_ids(frames)) == 1_000
    assert frames[-1].goodbye.reason == reason


async def test_a_half_closed_session_waits_for_its_tasks() -> None:
    async with dialogue() as (server, session):
        await session.ask(subscribe=OWN)
        await session.ask(register=register("slow", handler="gated"))
        ending = asyncio.create_task(session.end())
        await server.stub.ExecuteTask(pb.ExecuteTaskRequest(task=spec(id="other")))
        waits = not ending.done()
        server.gate.set()
        frames = await ending

    assert waits
    assert _ids(frames) == ["slow"]
    assert frames[-1].goodbye.reason == pb.END_REASON_COMPLETED
    assert frames[-1].goodbye.cursor == frames[0].results.cursor


async def test_a_half_closed_session_without_a_subscription_only_answers() -> None:
    async with dialogue() as (_, session):
        await session.say(register=register("a", handler="hold"))
        await session.say(ping=pb.SessionPing())
        frames = await session.end()

    assert _kinds(frames) == ["registered", "pong", "goodbye"]
    assert frames[-1].goodbye == pb.SessionGoodbye(reason=pb.END_REASON_CAUGHT_UP)


async def test_a_task_of_somebody_else_that_is_registered_again_is_delivered_too() -> None:
    async with dialogue() as (server, session):
        await server.stub.RegisterTask(pb.RegisterTaskRequest(task=spec("gated", id="running")))
        await server.stub.ExecuteTask(pb.ExecuteTaskRequest(task=spec(id="done")))
        await session.ask(subscribe=OWN)
        await session.ask(register=register("mine"))
        mine = await session.results(1)
        again = await session.ask(register=register("done"))
        done = await session.results(1)
        await session.ask(register=register("running", handler="gated"))
        server.gate.set()
        frames = await session.end()

    assert mine == ["mine"]
    assert not again.registered.results[0].created
    assert done == ["done"]
    assert _ids(frames) == ["running"]
    assert frames[-1].goodbye.reason == pb.END_REASON_COMPLETED


async def test_after_unsubscribe_nothing_is_delivered_and_its_cursor_goes_on() -> None:
    async with dialogue() as (server, session):
        none = await session.ask(unsubscribe=pb.SessionUnsubscribe())
        await session.ask(subscribe=OWN)
        await session.ask(register=register("a"))
        await session.results(1)
        stopped = await session.ask(unsubscribe=pb.SessionUnsubscribe())
        await session.ask(register=register("b"))
        await server.stub.Wait(pb.WaitRequest())
        await session.ask(ping=pb.SessionPing())
        await session.ask(subscribe=pb.SessionSubscribe(after=stopped.unsubscribed.cursor))
        frames = await session.end()

    assert none.unsubscribed.cursor == ""
    assert _ids(frames) == ["b"]


async def test_progress_comes_when_asked_for_and_never_after_the_result() -> None:
    async with dialogue() as (server, session):
        await session.ask(subscribe=pb.SessionSubscribe(include_progress=True))
        await session.ask(register=register("a", handler="report"))
        server.gate.set()
        progress = await session.next()
        await session.say(cancel=pb.SessionCancel(ids=["a"]))
        frames = await session.end()

    assert (progress.progress.task_id, progress.progress.progress.fraction) == ("a", 0.5)
    assert "progress" not in _kinds(frames)
    assert _ids(frames) == ["a"]


async def test_an_idle_session_brings_its_cursor_on() -> None:
    clock = FakeClock()

    async with dialogue(clock=clock) as (server, session):
        subscribed = await session.ask(subscribe=OWN)
        await server.stub.RegisterTask(pb.RegisterTaskRequest(task=spec(id="other")))
        await server.stub.Wait(pb.WaitRequest())
        # The delivery may not have begun to wait: the clock goes on until it has.
        reading = asyncio.create_task(session.next())
        while not reading.done():
            clock.advance(15)
            await asyncio.wait((reading,), timeout=0.01)
        frame = reading.result()

    assert frame.HasField("results")
    assert not frame.results.results
    assert frame.results.cursor not in ("", subscribed.subscribed.cursor)


async def test_results_that_were_trimmed_are_announced_as_a_gap() -> None:
    async with dialogue(retention=Retention(count=1)) as (server, session):
        await server.stub.ExecuteTask(pb.ExecuteTaskRequest(task=spec()))
        wanted = pb.SessionSubscribe(scope=pb.SUBSCRIBE_SCOPE_FILTER, after=f"{'0' * 16}-1")
        await session.ask(subscribe=wanted)
        gap = await session.next()

    assert gap.gap.log_replaced
    assert gap.gap.from_cursor == wanted.after


async def test_a_frame_of_results_is_small_unless_one_result_is_not() -> None:
    large = payload_pb2.Payload(blob=payload_pb2.Blob(data=b"x" * 2_000_000))
    middling = payload_pb2.Payload(blob=payload_pb2.Blob(data=b"x" * 400_000))

    async with dialogue() as (_, session):
        await session.ask(register=register("large", payload=large))
        await session.ask(register=register(*"abcd", payload=middling))
        await session.ask(subscribe=OWN)
        frames = await session.end()

    sizes = [frame.results.ByteSize() for frame in frames if frame.HasField("results")]
    assert sorted(_ids(frames)) == ["a", "b", "c", "d", "large"]
    assert sum(size > 1024 * 1024 for size in sizes) == 1


async def test_a_frame_of_results_is_small_also_where_it_is_not_the_output_that_is_large() -> None:
    labels = {f"k{number}": "v" * 256 for number in range(32)}
    ids = [f"t{number}" for number in range(300)]

    async with dialogue() as (_, session):
        for first in range(0, 300, 50):
            await session.ask(
                register=register(*ids[first : first + 50], description="d" * 4_000, labels=labels)
            )
        await session.ask(subscribe=OWN)
        frames = await session.end()

    results = [frame.results for frame in frames if frame.HasField("results")]
    assert sorted(_ids(frames)) == sorted(ids)
    assert max(frame.ByteSize() for frame in results) <= 1024 * 1024 + 100
    assert [frame.cursor for frame in results] == [frame.results[-1].cursor for frame in results]


async def test_a_session_is_told_goodbye_when_the_server_stops() -> None:
    async with serving() as server:
        subscribed, silent = Dialogue(server), Dialogue(server)
        await subscribed.ask(subscribe=OWN)
        await subscribed.ask(register=register("a", handler="gated"))
        await silent.ask(ping=pb.SessionPing())
        stopping = asyncio.create_task(_shut_down(server))
        quiet = await silent.rest()
        server.gate.set()
        frames = await subscribed.rest()
        await stopping
        refused = await failure(Dialogue(server).ask(ping=pb.SessionPing()))

    assert _kinds(quiet) == ["goodbye"]
    assert quiet[0].goodbye.reason == pb.END_REASON_SHUTDOWN
    assert _kinds(frames) == ["results", "goodbye"]
    assert frames[-1].goodbye.reason == pb.END_REASON_SHUTDOWN
    assert reason_of(refused) == "CLOSING"


async def _shut_down(server: Running) -> None:
    await server.stub.Shutdown(pb.ShutdownRequest())


async def test_a_client_that_vanishes_frees_its_place_and_keeps_its_tasks() -> None:
    async with serving() as server:
        session = Dialogue(server)
        await session.ask(subscribe=OWN)
        await session.ask(register=register("a", handler="gated"))
        session.cancel()
        server.gate.set()
        await server.stub.Wait(pb.WaitRequest())
        task = (await server.stub.GetTask(pb.GetTaskRequest(id="a"))).task
        idle = server.rpc.open_calls.until_idle()
        await asyncio.wait_for(idle, SOON_S)

    assert task.status == task_pb2.TASK_STATUS_COMPLETED


async def test_bytes_that_do_not_parse_end_the_session_with_a_clean_status() -> None:
    async with serving() as server:
        call: Any = server.channel.stream_stream("/millhand.v1.TaskService/Session")(timeout=SOON_S)
        await call.write(pb.SessionRequest(subscribe=OWN).SerializeToString())
        await call.read()
        await call.write(b"\xff\xff")
        error = await failure(drain(call))

    assert (error.code(), reason_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")


async def test_a_session_without_credit_is_told_goodbye_too() -> None:
    async with dialogue() as (server, session):
        await session.ask(subscribe=OWN)
        for start in (0, 600):
            await session.say(register=register(*(str(i) for i in range(start, start + 600))))
        answers = [await session.next() for _ in range(1)]
        await server.stub.Wait(pb.WaitRequest())
        await _shut_down(server)
        frames = await session.rest()

    assert _kinds(answers) == ["registered"]
    assert len(_ids(frames)) == 1_000
    assert frames[-1].goodbye.reason == pb.END_REASON_SHUTDOWN


async def test_a_client_that_does_not_read_holds_up_only_itself() -> None:
    blob = payload_pb2.Payload(blob=payload_pb2.Blob(data=b"x" * 100_000))

    async with dialogue() as (server, session):
        await session.say(subscribe=pb.SessionSubscribe(scope=pb.SUBSCRIBE_SCOPE_FILTER, after="0"))
        tasks = [spec(id=str(i), payload=blob) for i in range(50)]
        for _ in range(8):
            await server.stub.RegisterTasks(pb.RegisterTasksRequest(tasks=tasks))
            tasks = [spec(payload=blob) for _ in range(50)]
        await server.stub.Wait(pb.WaitRequest())
        page = await server.stub.GetTasks(pb.GetTasksRequest(page_size=1), timeout=SOON_S)
        await session.next()
        ids = await session.results(400)

    assert page.total_size == 400
    assert len(set(ids)) == 400
