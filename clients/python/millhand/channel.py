"""The sync client's I/O: one channel, calls and streams on it, the pauses between."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
from google.protobuf.message import Message

from millhand.connection import Connection
from millhand.protocol.ids import new_request_id
from millhand.protocol.options import channel_options
from millhand.protocol.reconnect import Clock
from millhand.protocol.steps import Call, Read, Sleep, Step
from millhand.v1 import task_service_pb2_grpc
from millhand.wire import Caller, mapped


def open_channel(connection: Connection) -> grpc.Channel:
    """A channel to where `connection` says, secured if it says how.

    Raises:
        OSError: If a file for TLS cannot be read.
        ValueError: If a token would travel in the clear.
    """
    credentials = connection.channel_credentials()
    if credentials is None:
        return grpc.insecure_channel(connection.address, options=channel_options())
    return grpc.secure_channel(connection.address, credentials, options=channel_options())


class Stream:
    """One streaming call. `cancel`, `send` and `finish` may be called from any thread."""

    def __init__(self, call: Any, outbox: queue.SimpleQueue[Message | None], request_id: str) -> None:
        self._call = call
        self._outbox = outbox
        self._request_id = request_id

    def send(self, request: Message) -> None:
        self._outbox.put(request)

    def finish(self) -> None:
        self._outbox.put(None)

    def cancel(self) -> None:
        self._call.cancel()
        # gRPC's sending thread waits on it and would otherwise live for ever.
        self._outbox.put(None)

    def read(self) -> Any:
        """The next frame, or None at the end. Raises MillhandError."""
        try:
            return next(self._call, None)
        except grpc.RpcError as error:
            raise mapped(error, self._request_id) from error


class Wire:
    """One long-lived channel, and the steps that need it. Thread-safe."""

    def __init__(self, channel: grpc.Channel, token: str | None, clock: Clock | None) -> None:
        self._channel = channel
        self._caller = Caller(token)
        self._closed = threading.Event()
        self._stub: Any = task_service_pb2_grpc.TaskServiceStub(channel)
        self.clock = clock or _SystemClock(self._closed)

    def open(self, method: str, request: Message | None) -> Stream:
        request_id = new_request_id()
        metadata = self._caller.metadata(request_id)
        outbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        sent: Message | Iterator[Message | None] = iter(outbox.get, None) if request is None else request
        return Stream(getattr(self._stub, method)(sent, metadata=metadata), outbox, request_id)

    def perform(self, step: Step) -> Any:
        match step:
            case Call():
                return self._call(step)
            case Read(Stream() as stream):
                return stream.read()
            case Sleep():
                return self.clock.sleep_for(step.seconds)
            case _:
                raise TypeError(f"a client cannot perform {step!r}")

    def close(self) -> None:
        """Cancels what is under way. After a fork the channel is the parent's, and is let alone."""
        self._caller.closed = True
        self._closed.set()
        if not self._caller.forked:
            self._channel.close()

    def _call(self, call: Call) -> Any:
        request_id = new_request_id()
        metadata = self._caller.metadata(request_id)
        try:
            return getattr(self._stub, call.method)(call.request, timeout=call.deadline_s, metadata=metadata)
        except grpc.RpcError as error:
            raise mapped(error, request_id) from error


class _SystemClock:
    """Real time, whose sleep ends early when the client is closed."""

    def __init__(self, closed: threading.Event) -> None:
        self._closed = closed

    def time(self) -> float:
        return time.monotonic()

    def sleep_for(self, duration: float) -> None:
        self._closed.wait(duration)
