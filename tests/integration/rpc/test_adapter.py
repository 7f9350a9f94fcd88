from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import AsyncIterator, Callable
from types import FrameType
from typing import Any

import grpc.aio
import pytest
from tests.integration.rpc.conftest import SOON_S, Serve, drain, failure, reason_of

from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb
from millhand_server.core.errors import InternalError, MillhandError, TaskNotFound
from millhand_server.rpc import validation
from millhand_server.rpc.context import Call, CallContext

GARBAGE = b"\xff\xff\xff"
GET = pb.GetTaskRequest(id="t1").SerializeToString()


class Fake:
    """Answers with what a test gives it; raises it if it is an exception."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer if answer is not None else pb.GetTaskResponse(task=task_pb2.Task(id="t1"))
        self.closed = asyncio.Event()

    async def GetTask(self, request: Any, context: CallContext) -> Any:
        return self._answer()

    async def StreamResults(self, request: Any, context: CallContext) -> AsyncIterator[Any]:
        try:
            while True:
                yield pb.StreamResultsResponse(cursor="c")
                if not isinstance(self.answer, pb.GetTaskResponse):
                    yield self._answer()
        finally:
            self.closed.set()

    async def Session(self, requests: Any, context: CallContext) -> None:
        async for request in requests:
            await context.write(pb.SessionResponse(request_id=request.request_id))
            if not isinstance(self.answer, pb.GetTaskResponse):
                self._answer()

    def __getattr__(self, name: str) -> Any:
        # The adapter connects every method of the service; tests call the three above.
        return self.GetTask

    def _answer(self) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


async def test_a_response_goes_out_as_the_servicer_made_it(serve: Serve) -> None:
    async with serve(Fake()) as wire:
        data = await wire.unary("GetTask", GET)

    assert pb.GetTaskResponse.FromString(data).task.id == "t1"


async def test_bytes_that_do_not_parse_are_an_invalid_argument(serve: Serve) -> None:
    async with serve(Fake()) as wire:
        unary = await failure(wire.unary("GetTask", GARBAGE))
        stream = await failure(drain(wire.stream("StreamResults", GARBAGE)))

    for error in (unary, stream):
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert reason_of(error) == "INVALID_ARGUMENT"


async def test_bytes_that_do_not_parse_end_a_session_after_what_came_before(serve: Serve) -> None:
    async with serve(Fake()) as wire:
        call = wire.session()
        await call.write(pb.SessionRequest(request_id="1").SerializeToString())
        first = await call.read()
        await call.write(GARBAGE)
        error = await failure(call.read())

    assert pb.SessionResponse.FromString(first).request_id == "1"
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_bytes_of_very_many_fields_are_refused_unparsed(serve: Serve) -> None:
    # A request that is fine but for what this server does not know, and as such would be passed over.
    dense = GET + b"\xf8\x07\x01" * 1_000_000
    async with serve(Fake()) as wire:
        unary = await failure(wire.unary("GetTask", dense))
        session = await failure(drain(wire.session(iter([b"\xf8\x07\x01" * 1_000_000]))))

    for error in (unary, session):
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "fields" in (error.details() or "")


async def test_the_shape_of_a_large_request_is_looked_at_beside_the_loop(serve: Serve) -> None:
    small = pb.GetTasksRequest(filter={"ids": ["x" * 200] * 100}).SerializeToString()
    large = pb.GetTasksRequest(filter={"ids": ["x" * 200] * 10_000}).SerializeToString()
    lookers: list[int] = []

    def remember(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code is validation.check.__code__:
            lookers.append(threading.get_ident())

    async with serve(Fake(pb.GetTasksResponse())) as wire:
        threading.setprofile(remember)
        sys.setprofile(remember)
        try:
            await wire.unary("GetTasks", small)
            await wire.unary("GetTasks", large)
        finally:
            threading.setprofile(None)
            sys.setprofile(None)

    assert len(lookers) == 2
    assert lookers[0] == threading.get_ident() != lookers[1]


class Alien(BaseException):
    pass


EVERYTHING = [
    ValueError("secret"),
    KeyError("secret"),
    MillhandError("secret"),
    InternalError(),
    TimeoutError("secret"),
    RecursionError("secret"),
    MemoryError("secret"),
    StopIteration("secret"),
    StopAsyncIteration("secret"),
    ExceptionGroup("secret", [TaskNotFound("secret")]),
    UnicodeDecodeError("utf-8", b"secret", 0, 1, "secret"),
    grpc.RpcError("secret"),
    GeneratorExit("secret"),
    asyncio.CancelledError("secret"),
    Alien("secret"),
    "secret: no response at all",
    pb.GetTasksResponse(next_page_token="secret"),
]


RAISED = [answer for answer in EVERYTHING if isinstance(answer, BaseException)]


@pytest.mark.parametrize(
    ("shape", "answer"),
    [
        *(("unary", answer) for answer in EVERYTHING),
        *(("stream", answer) for answer in EVERYTHING),
        # A session writes by itself: there is no answer of its own to be wrong.
        *(("session", answer) for answer in RAISED),
    ],
    ids=lambda value: value if value in ("unary", "stream", "session") else type(value).__name__,
)
async def test_whatever_goes_wrong_is_internal_and_says_nothing_of_itself(
    serve: Serve, answer: Any, shape: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    async with serve(Fake(answer)) as wire:
        requests = iter([pb.SessionRequest().SerializeToString()] * 2)
        calls: dict[str, Callable[[], Any]] = {
            "unary": lambda: wire.unary("GetTask", GET),
            "stream": lambda: drain(wire.stream("StreamResults")),
            "session": lambda: drain(wire.session(requests)),
        }
        error = await failure(calls[shape]())

    assert error.code() is grpc.StatusCode.INTERNAL
    if type(answer) is not MillhandError:
        assert error.details() == InternalError().message
        assert "secret" not in str(error.trailing_metadata())
    assert reason_of(error) == "INTERNAL"


async def test_an_error_of_ours_keeps_its_code_reason_and_words_in_every_shape(serve: Serve) -> None:
    async with serve(Fake(TaskNotFound("t1"))) as wire:
        request = pb.SessionRequest().SerializeToString()
        errors = [
            await failure(wire.unary("GetTask", GET)),
            await failure(drain(wire.stream("StreamResults"))),
            await failure(drain(wire.session(iter([request])))),
        ]

    for error in errors:
        assert error.code() is grpc.StatusCode.NOT_FOUND
        assert error.details() == TaskNotFound("t1").message
        assert reason_of(error) == "TASK_NOT_FOUND"


async def test_what_was_streamed_before_an_error_arrives(serve: Serve) -> None:
    async with serve(Fake(TaskNotFound("t1"))) as wire:
        call = wire.stream("StreamResults")
        first = await call.read()
        await failure(call.read())

    assert pb.StreamResultsResponse.FromString(first).cursor == "c"


async def test_an_unknown_method_is_unimplemented(serve: Serve) -> None:
    async with serve(Fake()) as wire:
        error = await failure(wire.unary("Nothing"))

    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_bad_shape_is_refused_before_the_servicer_sees_it(serve: Serve) -> None:
    async with serve(Fake(ValueError("the servicer was called"))) as wire:
        error = await failure(wire.unary("GetTask", b""))

    assert (error.code(), reason_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_TASK_ID")


async def test_a_cancelled_stream_ends_its_generator(serve: Serve) -> None:
    fake = Fake()

    async with serve(fake) as wire:
        call = wire.stream("StreamResults")
        await call.read()
        call.cancel()

        await asyncio.wait_for(fake.closed.wait(), SOON_S)


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [("my-id", True), ("x" * 128, True), ("x" * 129, False), ("", False)],
    ids=["given", "longest", "too-long", "empty"],
)
async def test_a_call_is_named_by_its_caller_or_by_us(serve: Serve, given: str, is_kept: bool) -> None:
    async with serve(Fake()) as wire:
        call = wire.unary("GetTask", GET, metadata=(("x-request-id", given),))
        await call
        name = dict(await call.trailing_metadata())["x-request-id"]

    assert (name == given) is is_kept
    assert is_kept or len(name) == 32


async def test_a_failed_call_is_named_too(serve: Serve) -> None:
    async with serve(Fake(TaskNotFound("t1"))) as wire:
        error = await failure(wire.unary("GetTask", GET, metadata=(("x-request-id", "my-id"),)))

    assert dict(error.trailing_metadata())["x-request-id"] == "my-id"


@pytest.mark.parametrize(
    ("answer", "levels"),
    [(None, ["DEBUG"]), (TaskNotFound("t1"), ["INFO"]), (ValueError("boom"), ["ERROR", "ERROR"])],
    ids=["success", "caller", "ours"],
)
async def test_calls_are_logged_by_whose_fault_it_was(
    serve: Serve, answer: Any, levels: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="millhand_server.rpc")

    async with serve(Fake(answer)) as wire:
        call = wire.unary("GetTask", GET, metadata=(("x-request-id", "my-id"),))
        await asyncio.gather(call, return_exceptions=True)

    records = [record for record in caplog.records if record.name.startswith("millhand_server.rpc")]
    assert [record.levelname for record in records] == levels
    assert {record.__dict__["request_id"] for record in records} == {"my-id"}
    assert ("boom" in caplog.text) is isinstance(answer, ValueError)


async def test_the_line_of_a_refused_call_says_which_and_why(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="millhand_server.rpc.interceptors.log")

    async with serve(Fake(TaskNotFound("t1"))) as wire:
        await failure(wire.unary("GetTask", GET))

    [record] = caplog.records
    facts = {name: record.__dict__[name] for name in ("method", "code", "reason")}
    assert facts == {
        "method": "/millhand.v1.TaskService/GetTask",
        "code": "NOT_FOUND",
        "reason": "TASK_NOT_FOUND",
    }
    assert record.__dict__["took_ms"] >= 0


async def test_streams_over_the_cap_are_told_and_places_come_free(serve: Serve) -> None:
    async with serve(Fake(), max_streams=2) as wire:
        open_ = [wire.stream("StreamResults") for _ in range(2)]
        for call in open_:
            await call.read()

        refused = await failure(drain(wire.stream("StreamResults")))
        answered = await wire.unary("GetTask", GET)
        open_[0].cancel()
        again = await _first_of_a_free_place(wire)

    assert (refused.code(), reason_of(refused)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS")
    assert answered
    assert again


async def _first_of_a_free_place(wire: Any) -> bytes:
    # The server learns of a cancellation in its own time: the place is free some refusals later.
    async with asyncio.timeout(SOON_S):
        while True:
            try:
                data: bytes = await wire.stream("StreamResults").read()
                return data
            except grpc.aio.AioRpcError as error:
                if reason_of(error) != "TOO_MANY_STREAMS":
                    raise


async def test_five_hundred_open_streams_leave_calls_quick(serve: Serve) -> None:
    class Waiting(Fake):
        async def StreamResults(self, request: Any, context: CallContext) -> AsyncIterator[Any]:
            yield pb.StreamResultsResponse(cursor="c")
            await asyncio.Event().wait()

    async with serve(Waiting()) as wire:
        streams = [wire.stream("StreamResults") for _ in range(500)]
        for stream in streams:
            await stream.read()

        async with asyncio.timeout(SOON_S):
            for _ in range(100):
                await wire.unary("GetTask", GET)


async def test_own_interceptors_stand_in_their_order_and_see_messages(serve: Serve) -> None:
    seen: list[str] = []

    def named(name: str) -> Any:
        async def intercept(call_next: Call, request: Any, context: CallContext) -> Any:
            seen.append(
                f"{name} in {type(request).__name__} {context.method.path} {bool(context.request_id)}"
            )
            response = await call_next(request, context)
            seen.append(f"{name} out {type(response).__name__}")
            return response

        return intercept

    async with serve(Fake(), own=[named("first"), named("second")]) as wire:
        await wire.unary("GetTask", GET)

    path = "/millhand.v1.TaskService/GetTask"
    assert seen == [
        f"first in GetTaskRequest {path} True",
        f"second in GetTaskRequest {path} True",
        "second out GetTaskResponse",
        "first out GetTaskResponse",
    ]


async def test_an_own_interceptor_may_answer_or_refuse_by_itself(serve: Serve) -> None:
    async def intercept(call_next: Call, request: pb.GetTaskRequest, context: CallContext) -> Any:
        if request.id == "known":
            return pb.GetTaskResponse(task=task_pb2.Task(id="mine"))
        raise TaskNotFound(request.id)

    async with serve(Fake(ValueError("reached")), own=[intercept]) as wire:
        data = await wire.unary("GetTask", pb.GetTaskRequest(id="known").SerializeToString())
        error = await failure(wire.unary("GetTask", GET))

    assert pb.GetTaskResponse.FromString(data).task.id == "mine"
    assert reason_of(error) == "TASK_NOT_FOUND"


async def test_an_own_interceptor_sees_the_end_of_a_stream_as_the_end_of_the_call(serve: Serve) -> None:
    ended = asyncio.Event()

    async def intercept(call_next: Call, request: Any, context: CallContext) -> Any:
        try:
            return await call_next(request, context)
        finally:
            ended.set()

    async with serve(Fake(), own=[intercept]) as wire:
        call = wire.stream("StreamResults")
        await call.read()
        still_open = not ended.is_set()
        call.cancel()
        await asyncio.wait_for(ended.wait(), SOON_S)

    assert still_open


async def test_an_interceptor_of_grpcs_own_kind_stands_around_the_chain(serve: Serve) -> None:
    seen: list[str] = []

    class Native(grpc.aio.ServerInterceptor):
        async def intercept_service(self, continuation: Any, details: Any) -> Any:
            seen.append(details.method)
            return await continuation(details)

    async with serve(Fake(), native=[Native()]) as wire:
        await wire.unary("GetTask", GET)

    assert seen == ["/millhand.v1.TaskService/GetTask"]
