"""One line in the log for every call, without what it carries."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import grpc

from millhand_server.rpc.context import Call, CallContext

logger = logging.getLogger(__name__)


async def log_call(call_next: Call, request: Any, context: CallContext) -> Any:
    """Logs success and callers that left at DEBUG, a caller's errors at INFO, ours at ERROR."""
    started = time.perf_counter()
    try:
        response = await call_next(request, context)
    except asyncio.CancelledError:
        _write(logging.DEBUG, context, "CANCELLED", started)
        raise
    _write(_level(context.code), context, context.code.name, started)
    return response


def _level(code: grpc.StatusCode) -> int:
    if code in (grpc.StatusCode.OK, grpc.StatusCode.CANCELLED):
        return logging.DEBUG
    return logging.ERROR if code is grpc.StatusCode.INTERNAL else logging.INFO


def _write(level: int, context: CallContext, end: str, started: float) -> None:
    # A line for each call would cost a quarter of the throughput: its parts are only made when it is wanted.
    if logger.isEnabledFor(level):
        took_ms = (time.perf_counter() - started) * 1_000
        facts: dict[str, object] = {
            "request_id": context.request_id,
            "method": context.method.path,
            "code": end,
            "took_ms": round(took_ms, 1),
        }
        if context.reason:
            facts["reason"] = context.reason
        logger.log(level, "%s %s in %.1f ms", context.method.path, end, took_ms, extra=facts)
