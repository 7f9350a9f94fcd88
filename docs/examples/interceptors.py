"""Interceptors of your own: `millhand serve --interceptor docs.examples.interceptors:only_from_this_machine`.

The first is outermost. `request` is the parsed message, or an async iterator of messages for Session;
`await call_next(request, context)` returns the response, or None once a stream has ended.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import Any

from millhand_server.core.errors import InvalidArgument, MillhandError
from millhand_server.rpc.context import Call, CallContext

logger = logging.getLogger("slow_calls")


async def only_from_this_machine(call_next: Call, request: Any, context: CallContext) -> Any:
    """Refuses: an error that is raised reaches the caller as a status with its reason."""
    if not context.peer().startswith(("ipv4:127.", "ipv6:%5B::1%5D", "unix:")):
        raise InvalidArgument("this server answers callers on its own machine only")
    return await call_next(request, context)


async def log_slow_calls(call_next: Call, request: Any, context: CallContext) -> Any:
    """Observes: code around `call_next` runs before and after every call, also when it is cancelled."""
    started = time.monotonic()
    try:
        return await call_next(request, context)
    finally:
        took_s = time.monotonic() - started
        if took_s > 1:
            logger.warning("%s took %.1f s (request %s)", context.method.path, took_s, context.request_id)


class CountCalls:
    """Keeps state: an instance is an interceptor too, if it can be called."""

    def __init__(self) -> None:
        self.ended: Counter[str] = Counter()

    async def __call__(self, call_next: Call, request: Any, context: CallContext) -> Any:
        try:
            response = await call_next(request, context)
        except MillhandError as error:
            self.ended[error.reason] += 1
            raise
        self.ended["OK"] += 1
        return response


count_calls = CountCalls()
