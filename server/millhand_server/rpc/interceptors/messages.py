"""Between bytes and messages. Here and not inside gRPC, which answers UNKNOWN to bytes that do not parse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from millhand_server.core.errors import InvalidArgument
from millhand_server.rpc.aside import LARGE_BYTES, aside
from millhand_server.rpc.context import Call, CallContext, serialise
from millhand_server.rpc.field_count import check_fields


async def bytes_to_messages(call_next: Call, request: Any, context: CallContext) -> Any:
    """Parses what comes in, one message or a stream of them, and serialises what is returned.

    What a streaming response writes is serialised by the context.
    """
    method = context.method
    parsed = _parse_all(request, context) if method.streams_requests else await _parse(request, context)
    response = await call_next(parsed, context)
    if method.streams_responses or context.code is not grpc.StatusCode.OK:
        return None
    data = serialise(response, method.response)
    context.sent_bytes += len(data)
    return data


async def _parse_all(stream: AsyncIterator[bytes], context: CallContext) -> AsyncIterator[Message]:
    async for data in stream:
        yield await _parse(data, context)


async def _parse(data: bytes, context: CallContext) -> Message:
    context.last_received_bytes = len(data)
    context.received_bytes += len(data)
    kind = context.method.request
    if len(data) >= LARGE_BYTES:
        await aside(len(data), partial(check_fields, data, kind.DESCRIPTOR))
    try:
        return kind.FromString(data)
    except DecodeError:
        raise InvalidArgument(f"the bytes do not parse as {kind.DESCRIPTOR.full_name}") from None
