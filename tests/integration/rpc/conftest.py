from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from millhand.v1 import task_service_pb2
from millhand_server.engine.options import Limits
from millhand_server.rpc.adapter import OpenCalls, generic_handler
from millhand_server.rpc.context import Interceptor
from millhand_server.rpc.interceptors.chain import standard_chain
from millhand_server.rpc.status import DETAILS_KEY

SERVICE = task_service_pb2.DESCRIPTOR.services_by_name["TaskService"]

#: How long a test waits for what should come at once.
SOON_S = 10


class Wire:
    """A caller that sends and receives bytes."""

    def __init__(self, channel: grpc.aio.Channel, address: str) -> None:
        self._channel = channel
        #: For callers in processes of their own.
        self.address = address

    def unary(self, name: str, data: bytes = b"", **options: Any) -> Any:
        call: Any = self._channel.unary_unary(_path(name))
        return call(data, timeout=SOON_S, **options)

    def stream(self, name: str, data: bytes = b"", **options: Any) -> Any:
        call: Any = self._channel.unary_stream(_path(name))
        return call(data, timeout=SOON_S, **options)

    def session(self, requests: Any = None, **options: Any) -> Any:
        call: Any = self._channel.stream_stream(_path("Session"))
        return call(requests, timeout=SOON_S, **options)


Serve = Callable[..., AbstractAsyncContextManager[Wire]]


@pytest.fixture
def serve() -> Serve:
    """Serves a fake servicer in the shape of TaskService behind the real adapter and chain."""

    @asynccontextmanager
    async def serving(
        servicer: object,
        *,
        own: Sequence[Interceptor] = (),
        native: Sequence[grpc.aio.ServerInterceptor] = (),
        counts: Interceptor | None = None,
        max_streams: int = 1_000,
    ) -> AsyncIterator[Wire]:
        calls = OpenCalls()
        server = grpc.aio.server(interceptors=native)
        chain = standard_chain(Limits(max_streams=max_streams), own, counts=counts)
        server.add_generic_rpc_handlers((generic_handler(SERVICE, servicer, chain, calls),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        address = f"127.0.0.1:{port}"
        async with grpc.aio.insecure_channel(address) as channel:
            yield Wire(channel, address)
        await server.stop(0)
        await calls.until_idle()

    return serving


async def failure(call: Awaitable[Any]) -> grpc.aio.AioRpcError:
    """Returns the error that a call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    return failed.value


async def drain(call: Any) -> list[Any]:
    """Reads what is left of a stream."""
    frames = []
    while (frame := await call.read()) is not grpc.aio.EOF:
        frames.append(frame)
    return frames


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """Returns the reason in the details of an error, empty if it has none."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY:
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return str(info.reason)
    return ""


def _path(name: str) -> str:
    return f"/millhand.v1.TaskService/{name}"
