"""Refuses requests whose shape is wrong, so that no method has to think of it."""

from __future__ import annotations

from functools import partial
from typing import Any

from millhand_server.engine.options import Limits
from millhand_server.rpc import validation
from millhand_server.rpc.aside import aside
from millhand_server.rpc.context import Call, CallContext, Method


class ShapeCheck:
    """Checks the request of every method that takes one. A Session checks each of its messages itself."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def concerns(self, method: Method) -> bool:
        return method.request in validation.CHECKS and not method.streams_requests

    async def __call__(self, call_next: Call, request: Any, context: CallContext) -> Any:
        await aside(context.last_received_bytes, partial(validation.check, request, self._limits))
        return await call_next(request, context)
