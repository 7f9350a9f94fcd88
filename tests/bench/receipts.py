"""An interceptor for servers that are measured: it tells callers when their request arrived."""

from __future__ import annotations

import time
from typing import Any

from millhand_server.rpc.context import Call, CallContext

#: Trailing metadata: microseconds since 1970, when the first of the server's code saw the request.
RECEIVED_KEY = "x-received-us"


async def stamp(call_next: Call, request: Any, context: CallContext) -> Any:
    """Runs in the same turn of the loop in which the server first sees the request."""
    context.add_trailing_metadata(RECEIVED_KEY, str(time.time_ns() // 1_000))
    return await call_next(request, context)
