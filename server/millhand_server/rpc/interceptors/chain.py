"""The one list of what stands around every call."""

from __future__ import annotations

from collections.abc import Sequence

from millhand_server.engine.options import Limits
from millhand_server.rpc.context import Interceptor
from millhand_server.rpc.interceptors.errors import errors_to_status
from millhand_server.rpc.interceptors.log import log_call
from millhand_server.rpc.interceptors.messages import bytes_to_messages
from millhand_server.rpc.interceptors.request_id import name_call
from millhand_server.rpc.interceptors.shape import ShapeCheck
from millhand_server.rpc.interceptors.stream_cap import StreamCap


def standard_chain(
    limits: Limits,
    own: Sequence[Interceptor] = (),
    guard: Interceptor | None = None,
    counts: Interceptor | None = None,
    door: Interceptor | None = None,
) -> tuple[Interceptor, ...]:
    """Returns the interceptors, first is outermost.

    `own` are the user's, called with parsed messages; `guard` decides who may call, None lets everybody;
    `counts` keeps the numbers for metrics, if they are wanted; `door` is shut when the server stops.
    """
    return (
        *([counts] if counts is not None else []),  # the whole time of every call, refused ones included
        name_call,  # everything after it can name the call
        log_call,  # sees the status that the call ends with
        errors_to_status,  # nothing that is raised below it gets past
        *([door] if door is not None else []),  # needs to know nothing of a call to refuse it
        # Before anything is parsed or counted for somebody who may not call; its refusals are logged and
        # answered like all others, and the user's own see a principal.
        *([guard] if guard is not None else []),
        bytes_to_messages,  # so that bytes which do not parse are an error like any other
        StreamCap(limits.max_streams),
        *own,
        ShapeCheck(limits),  # last, so that the user's own decide before anything is said about a request
    )
