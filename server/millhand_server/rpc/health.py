"""grpc.health.v1: whether this server can take and run tasks, overall and for TaskService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2  # type: ignore[import-untyped]

from millhand_server.rpc.context import CallContext

SERVICE = health_pb2.DESCRIPTOR.services_by_name["Health"]

#: SERVING as long as the process answers at all: for supervisors, which restart what is not.
LIVENESS = "liveness"

_FOLLOWING = frozenset({"", "millhand.v1.TaskService"})

_Response = health_pb2.HealthCheckResponse
_SERVING: int = _Response.SERVING
_NOT_SERVING: int = _Response.NOT_SERVING
_UNKNOWN: int = _Response.SERVICE_UNKNOWN


class HealthService:
    """Answers from a state that `set_ready` changes. Belongs to the server's loop."""

    def __init__(self) -> None:
        self._ready = True
        self._closed = False
        self._changed = asyncio.Event()

    def set_ready(self, ready: bool) -> None:
        """Says whether the manager takes and runs tasks; watchers are told."""
        self._ready = ready
        self._wake_watchers()

    def close(self) -> None:
        """Turns NOT_SERVING for good. Watchers are told, and their streams end: nothing more will come."""
        self._closed = True
        self._wake_watchers()

    async def Check(self, request: health_pb2.HealthCheckRequest, context: CallContext) -> Any:
        status = self._status(request.service)
        if status == _UNKNOWN:
            context.end(grpc.StatusCode.NOT_FOUND, "no such service")
        return _Response(status=status)

    async def List(self, request: health_pb2.HealthListRequest, context: CallContext) -> Any:
        names = (*_FOLLOWING, LIVENESS)
        statuses = {name: _Response(status=self._status(name)) for name in names}
        return health_pb2.HealthListResponse(statuses=statuses)

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: CallContext) -> AsyncIterator[Any]:
        last = None
        while True:
            changed = self._changed
            status = self._status(request.service)
            if status != last:
                yield _Response(status=status)
                last = status
            if self._closed:
                return
            await changed.wait()

    def _status(self, service: str) -> int:
        if service == LIVENESS:
            return _SERVING
        if service not in _FOLLOWING:
            return _UNKNOWN
        return _SERVING if self._ready and not self._closed else _NOT_SERVING

    def _wake_watchers(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
