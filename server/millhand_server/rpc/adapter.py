"""Connects a servicer to gRPC: bytes in, through the chain, bytes out.

gRPC is given no (de)serialisers: what fails in them bypasses interceptors and answers UNKNOWN.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import grpc.aio
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from millhand_server.rpc.context import Call, CallContext, Interceptor, Method


class OpenCalls:
    """Counts the calls whose code runs: a stopped gRPC server may still have some in their last steps."""

    def __init__(self) -> None:
        self._count = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def __enter__(self) -> None:
        self._count += 1
        self._idle.clear()

    def __exit__(self, *_: object) -> None:
        self._count -= 1
        if not self._count:
            self._idle.set()

    def __len__(self) -> int:
        return self._count

    async def until_idle(self) -> None:
        """Returns when no call's code runs."""
        await self._idle.wait()


def generic_handler(
    service: ServiceDescriptor,
    servicer: object,
    interceptors: Sequence[Interceptor],
    calls: OpenCalls,
    *,
    name: str = "",
) -> grpc.GenericRpcHandler:
    """Returns what a gRPC server takes. `name` registers the service under another name than its own.

    The servicer has an async method for every RPC. A streaming one is an async generator, or a coroutine
    that writes to the context itself.
    """
    full_name = name or service.full_name
    handlers = {
        method.name: _rpc_handler(full_name, method, getattr(servicer, method.name), interceptors, calls)
        for method in service.methods
    }
    return grpc.method_handlers_generic_handler(full_name, handlers)


def compose(interceptors: Sequence[Interceptor], innermost: Call) -> Call:
    """Returns one call that goes through all interceptors, the first one outermost."""
    call = innermost
    for interceptor in reversed(interceptors):
        call = partial(interceptor, call)
    return call


def _rpc_handler(
    service: str,
    descriptor: MethodDescriptor,
    behaviour: Callable[..., Any],
    interceptors: Sequence[Interceptor],
    calls: OpenCalls,
) -> grpc.RpcMethodHandler[Any, Any]:
    method = Method(
        path=f"/{service}/{descriptor.name}",
        request=GetMessageClass(descriptor.input_type),
        response=GetMessageClass(descriptor.output_type),
        streams_requests=descriptor.client_streaming,
        streams_responses=descriptor.server_streaming,
    )
    around = [one for one in interceptors if _concerns(one, method)]
    call = compose(around, _pump(behaviour) if inspect.isasyncgenfunction(behaviour) else behaviour)

    async def respond(request: Any, native: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        with calls:
            # None: the call ends with an error, and gRPC discards the response.
            response = await call(request, CallContext(method, native))
            return response or b""

    async def stream(request: Any, native: grpc.aio.ServicerContext[Any, Any]) -> None:
        with calls:
            await call(request, CallContext(method, native))

    kind = _KINDS[method.streams_requests, method.streams_responses]
    return kind(stream if method.streams_responses else respond)


def _concerns(interceptor: Interceptor, method: Method) -> bool:
    """Tells whether an interceptor has anything to do with a method; one that does not say so has."""
    concerns: Callable[[Method], bool] = getattr(interceptor, "concerns", lambda _: True)
    return concerns(method)


_KINDS: dict[tuple[bool, bool], Callable[..., grpc.RpcMethodHandler[Any, Any]]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def _pump(generate: Callable[[Any, CallContext], AsyncIterator[Any]]) -> Call:
    """Writes what a generator yields, so that interceptors see the end of a stream as the end of a call."""

    async def call(request: Any, context: CallContext) -> None:
        async with aclosing(generate(request, context)) as frames:  # type: ignore[type-var]
            async for frame in frames:
                await context.write(frame)

    return call
