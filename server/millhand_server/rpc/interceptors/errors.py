"""The one place where errors become statuses. Nothing that is raised goes further, but for cancellation."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import grpc
import grpc.aio

from millhand_server.core.errors import InternalError, MillhandError
from millhand_server.rpc.context import Call, CallContext, CallerGone

logger = logging.getLogger(__name__)


async def errors_to_status(call_next: Call, request: Any, context: CallContext) -> Any:
    """Answers an error with its status. One that nobody foresaw is logged, and says nothing of itself."""
    try:
        return await call_next(request, context)
    except MillhandError as error:
        context.fail(error)
    except CallerGone:
        context.end(grpc.StatusCode.CANCELLED, "the caller is gone")
    except (KeyboardInterrupt, SystemExit, grpc.aio.AbortError):
        raise
    except asyncio.CancelledError as lost:
        # gRPC cancels the call's task and must see it end so (grpc#43360). Without that, something below
        # lost a future of its own: passed on, it would leave the caller without any answer.
        if _is_cancelled():
            raise
        _fail_internally(context, lost)
    except BaseException as error:
        _fail_internally(context, error)
    return None


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _fail_internally(context: CallContext, error: BaseException) -> None:
    names = {"request_id": context.request_id}
    logger.error("%s failed", context.method.path, exc_info=error, extra=names)
    context.fail(InternalError())
