"""What an interceptor and a servicer know of the call they serve, and how they answer beside the response."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import grpc.aio
from google.protobuf.message import Message

from millhand_server.core.errors import MillhandError
from millhand_server.rpc.status import DETAILS_KEY, status_of

#: The request id of the call that the running code serves, for log records; empty outside of calls.
current_request_id: ContextVar[str] = ContextVar("request_id", default="")

#: The metadata key under which a request id comes in and goes out.
REQUEST_ID_KEY = "x-request-id"

#: The metadata key of the W3C trace context, for tasks that bring none of their own.
TRACEPARENT_KEY = "traceparent"


class CallerGone(Exception):
    """Nobody is there any more to answer. gRPC's word for it is that an operation failed."""


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC of a service. `path` is its name on the wire: `/millhand.v1.TaskService/GetTask`."""

    path: str
    request: type[Message]
    response: type[Message]
    streams_requests: bool
    streams_responses: bool


class CallContext:
    """One call, shared by its interceptors and servicer. It belongs to the call's own asyncio task."""

    def __init__(self, method: Method, native: grpc.aio.ServicerContext[Any, Any]) -> None:
        self.method = method
        self.request_id = ""
        #: Who calls: the name that scopes idempotency keys and sessions.
        self.principal = "anonymous"
        self.code = grpc.StatusCode.OK
        #: Why it failed, as its ErrorInfo says; empty unless it did.
        self.reason = ""
        #: The bytes of all messages so far, uncompressed and without framing.
        self.received_bytes = 0
        self.sent_bytes = 0
        #: Those of the message that was parsed last.
        self.last_received_bytes = 0
        self._native = native
        self._sent_metadata: tuple[tuple[str, str | bytes], ...] | None = None
        self._trailing: list[tuple[str, str | bytes]] = []

    def metadata(self, key: str) -> str:
        """Returns the first value that the caller sent under `key` (lower case), empty if there is none."""
        for name, value in self._metadata():
            if name == key and isinstance(value, str):
                return value
        return ""

    def metadata_values(self, key: str) -> list[str]:
        """Returns all values that the caller sent under `key` (lower case), in order."""
        return [value for name, value in self._metadata() if name == key and isinstance(value, str)]

    def certificate(self, attribute: str) -> str:
        """Returns an attribute (gRPC's name) of the caller's verified certificate, empty if it has none."""
        first: bytes = next(iter(self._native.auth_context().get(attribute, ())), b"")
        return first.decode("utf-8", "backslashreplace")

    def peer(self) -> str:
        """Returns the caller's address as gRPC writes it, for example `ipv4:127.0.0.1:54321`."""
        return self._native.peer()

    def time_remaining(self) -> float | None:
        """Returns the seconds until the caller's own deadline; None when it set none."""
        return self._native.time_remaining()

    async def write(self, message: Message) -> None:
        """Sends one message of a streaming response, and waits while the caller is behind.

        Calls must not overlap.

        Raises:
            CallerGone: its connection broke meanwhile.
        """
        data = serialise(message, self.method.response)
        try:
            await self._native.write(data)
        except grpc.aio.InternalError:
            raise CallerGone from None
        self.sent_bytes += len(data)

    async def send_initial_metadata(self, metadata: Iterable[tuple[str, str]]) -> None:
        """Sends headers, with the request id, before the response. At most once a call."""
        await self._native.send_initial_metadata((*metadata, (REQUEST_ID_KEY, self.request_id)))

    def add_trailing_metadata(self, key: str, value: str | bytes) -> None:
        self._trailing.append((key, value))
        self._native.set_trailing_metadata(tuple(self._trailing))

    def end(self, code: grpc.StatusCode, message: str) -> None:
        """Sets the status that the call ends with. The caller of this then returns.

        Not `abort`: that raises, and a stopping server forgets calls that were aborted (grpc#37239).
        """
        self.code = code
        self._native.set_code(code)
        self._native.set_details(message)

    def fail(self, error: MillhandError) -> None:
        """Sets the status of an error, with its details."""
        status = status_of(error)
        self.reason = error.reason
        self.end(_CODES[status.code], status.message)
        self.add_trailing_metadata(DETAILS_KEY, status.SerializeToString())

    def _metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        # gRPC builds them anew each time that it is asked.
        if self._sent_metadata is None:
            self._sent_metadata = tuple(self._native.invocation_metadata() or ())
        return self._sent_metadata


#: Serves one call: `await call(request, context)` returns the response, or None once a stream has ended.
Call = Callable[[Any, CallContext], Awaitable[Any]]

#: `async f(call_next, request, context)`. `request` is a message, or an async iterator of messages.
Interceptor = Callable[[Call, Any, CallContext], Awaitable[Any]]

Requests = AsyncIterator[Any]


def serialise(message: object, kind: type[Message]) -> bytes:
    """Returns the bytes of a response.

    Raises:
        TypeError: it is not of the kind that its method returns.
    """
    if not isinstance(message, kind):
        raise TypeError(f"the response is a {type(message).__name__}, not a {kind.__name__}")
    return message.SerializeToString()


_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
