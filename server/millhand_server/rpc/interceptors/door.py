"""Tells whoever calls a server in its last moments that it closes."""

from __future__ import annotations

from typing import Any

from millhand_server.core.errors import Closing
from millhand_server.rpc import health
from millhand_server.rpc.context import Call, CallContext

#: Health has its own way to say so, which those understand who ask for it; Shutdown wants nothing else.
_WELCOME = (f"/{health.SERVICE.full_name}/", "/millhand.v1.TaskService/Shutdown")


class Door:
    """Open until it is shut, which it is once. Calls that are inside go on."""

    def __init__(self) -> None:
        self._is_shut = False

    def shut(self) -> None:
        self._is_shut = True

    async def __call__(self, call_next: Call, request: Any, context: CallContext) -> Any:
        if self._is_shut and not context.method.path.startswith(_WELCOME):
            raise Closing
        return await call_next(request, context)
