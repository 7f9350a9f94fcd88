"""How long a call waits for tasks: what it asks for, within its caller's own deadline."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from millhand_server.rpc.context import CallContext
from millhand_server.rpc.wire_time import duration_us

#: An answer sets out this long before the caller stops listening; later it would never learn it.
_AHEAD_S = 0.1


def wait_us(asked: Duration | None, context: CallContext) -> int | None:
    """Returns the microseconds to wait: 0 looks once, None waits without end. `asked` None is unset."""
    left_s = context.time_remaining()
    bounds = [] if left_s is None else [max(0, round((left_s - _AHEAD_S) * 1_000_000))]
    if asked is not None:
        bounds.append(duration_us(asked))
    return min(bounds, default=None)
