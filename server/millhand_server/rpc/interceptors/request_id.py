"""Gives every call a name: the caller's own, or one made here."""

from __future__ import annotations

import random
from typing import Any

from millhand_server.rpc.context import REQUEST_ID_KEY, Call, CallContext, current_request_id

_MAX_LENGTH = 128

#: Names need not be secret, only different: from the system they would cost a system call each.
_names = random.Random()


async def name_call(call_next: Call, request: Any, context: CallContext) -> Any:
    """Sets the request id, for the log and for the caller, who gets it back as trailing metadata.

    One that is too long or not printable ASCII is replaced: it would spoil the log.
    """
    given = context.metadata(REQUEST_ID_KEY)
    is_good = 0 < len(given) <= _MAX_LENGTH and given.isascii() and given.isprintable()
    context.request_id = given if is_good else f"{_names.getrandbits(128):032x}"
    context.add_trailing_metadata(REQUEST_ID_KEY, context.request_id)
    # A call has a context of its own, which ends with it: there is nothing to set back.
    current_request_id.set(context.request_id)
    return await call_next(request, context)
