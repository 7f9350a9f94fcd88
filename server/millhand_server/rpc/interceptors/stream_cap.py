"""Bounds the streams that stay open. gRPC's own bounds let a caller hang; this one tells it."""

from __future__ import annotations

from typing import Any

from millhand_server.core.errors import TooManyStreams
from millhand_server.rpc.context import Call, CallContext, Method

CAPPED = frozenset(
    f"/millhand.v1.TaskService/{name}" for name in ("StreamResults", "GetCancelled", "Session")
)


class StreamCap:
    """Counts the open streams of all callers together."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open = 0

    def concerns(self, method: Method) -> bool:
        return method.path in CAPPED

    async def __call__(self, call_next: Call, request: Any, context: CallContext) -> Any:
        if self._open >= self._limit:
            raise TooManyStreams(self._limit)
        self._open += 1
        try:
            return await call_next(request, context)
        finally:
            self._open -= 1
