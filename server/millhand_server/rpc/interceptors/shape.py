"""Refuses requests whose shape is wrong, so that no method has to think of it."""

from __future__ import annotations

from functools import partial
from typing import Any

from millhand_server.engine.options import Limits
from millhand_server.rpc import validation
from millhand_server.rpc.aside import aside
from millhand_server.rpc.context import Call, CallContext


class ShapeCheck:
    """Checks the request of every method that takes one. A Session checks each of its messages itself."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    async def __call__(self, call_next: Call, request: Any, context: CallContext) -> Any:
        if context.method.request in validation.CHECKS and not context.method.streams_requests:
            look = partial(validation.check, request, self._limits)
            await aside(context.last_received_bytes, look)
        return await call_next(request, context)
