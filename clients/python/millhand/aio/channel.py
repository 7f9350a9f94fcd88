"""The asyncio client's I/O: one channel, made in the loop that uses it, calls and streams on it, pauses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message

from millhand import errors
from millhand.connection import Connection
from millhand.protocol.ids import new_request_id
from millhand.protocol.options import channel_options
from millhand.protocol.steps import Call, Read, Sleep, Step
from millhand.v1 import task_service_pb2_grpc
from millhand.wire import Caller, mapped

_Outbox = asyncio.Queue[Message | None]

#: What gRPC's asyncio library says, as INTERNAL, of a stream that breaks while a request is sent on it.
_SENDING_FAILED = "Internal error from Core"


class AsyncClock(Protocol):
    """Time as the asyncio client needs it."""

    def time(self) -> float: ...

    async def sleep_for(self, duration: float) -> None: ...


def channel_opener(connection: Connection) -> Callable[[], grpc.aio.Channel]:
    """What opens a channel to where `connection` says, later and in a running loop.

    Raises:
        OSError: If a file for TLS cannot be read.
        ValueError: If a token would travel in the clear.
    """
    credentials = connection.channel_credentials()

    def open_channel() -> grpc.aio.Channel:
        if credentials is None:
            return grpc.aio.insecure_channel(connection.address, options=channel_options())
        return grpc.aio.secure_channel(connection.address, credentials, options=channel_options())

    return open_channel


class Stream:
    """One streaming call. For the loop that it was opened in."""

    def __init__(self, call: Any, outbox: _Outbox, request_id: str) -> None:
        self._call = call
        self._outbox = outbox
        self._request_id = request_id

    def send(self, request: Message) -> None:
        self._outbox.put_nowait(request)

    def finish(self) -> None:
        self._outbox.put_nowait(None)

    def cancel(self) -> None:
        self._call.cancel()
        # gRPC's sending task waits on it and would otherwise live for ever.
        self._outbox.put_nowait(None)

    async def read(self) -> Any:
        """The next frame, or None at the end. Raises MillhandError."""
        try:
            frame = await self._call.read()
        except grpc.RpcError as error:
            raise _broken_or(mapped(error, self._request_id)) from error
        except asyncio.CancelledError as error:
            raise _unless_cancelled(error, self._request_id) from None
        return None if frame is grpc.aio.EOF else frame


class Wire:
    """One long-lived channel, and the steps that need it."""

    def __init__(
        self, open_channel: Callable[[], grpc.aio.Channel], token: str | None, clock: AsyncClock | None
    ) -> None:
        self._open_channel = open_channel
        self._caller = Caller(token)
        self._closed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._channel: grpc.aio.Channel | None = None
        self._known_stub: Any = None
        self.clock = clock or _SystemClock(self._closed)

    def open(self, method: str, request: Message | None) -> Stream:
        request_id = new_request_id()
        metadata = self._caller.metadata(request_id)
        outbox: _Outbox = asyncio.Queue()
        sent = _until_none(outbox) if request is None else request
        return Stream(getattr(self._stub(), method)(sent, metadata=metadata), outbox, request_id)

    async def perform(self, step: Step) -> Any:
        match step:
            case Call():
                return await self._call(step)
            case Read(Stream() as stream):
                return await stream.read()
            case Sleep():
                return await self.clock.sleep_for(step.seconds)
            case _:
                raise TypeError(f"a client cannot perform {step!r}")

    async def close(self) -> None:
        """Cancels what is under way. After a fork the channel is the parent's, and is let alone."""
        self._caller.closed = True
        self._closed.set()
        if self._channel is not None and not self._caller.forked:
            await self._channel.close()

    async def _call(self, call: Call) -> Any:
        request_id = new_request_id()
        metadata = self._caller.metadata(request_id)
        method = getattr(self._stub(), call.method)
        try:
            return await method(call.request, timeout=call.deadline_s, metadata=metadata)
        except grpc.RpcError as error:
            raise mapped(error, request_id) from error
        except asyncio.CancelledError as error:
            raise _unless_cancelled(error, request_id) from None

    def _stub(self) -> Any:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
            self._channel = self._open_channel()
            self._known_stub = task_service_pb2_grpc.TaskServiceStub(self._channel)
        elif self._loop is not loop:
            raise RuntimeError("this client belongs to another event loop: make one in each loop that calls")
        return self._known_stub


class _SystemClock:
    """Real time, whose sleep ends early when the client is closed."""

    def __init__(self, closed: asyncio.Event) -> None:
        self._closed = closed

    def time(self) -> float:
        return time.monotonic()

    async def sleep_for(self, duration: float) -> None:
        try:
            async with asyncio.timeout(duration):
                await self._closed.wait()
        except TimeoutError:
            return


def _broken_or(error: errors.MillhandError) -> errors.MillhandError:
    if error.message == _SENDING_FAILED:
        return errors.Unavailable(
            "the connection broke while a request was sent", reason="", request_id=error.request_id
        )
    return error


async def _until_none(outbox: _Outbox) -> AsyncIterator[Message]:
    while (request := await outbox.get()) is not None:
        yield request


def _unless_cancelled(error: asyncio.CancelledError, request_id: str) -> BaseException:
    """The error itself if this task is cancelled; gRPC raises it for calls that are, too."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        return error
    return errors.CallCancelled("the call was cancelled on this side", request_id=request_id)
