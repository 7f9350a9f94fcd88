"""One connection to each server for as long as the client process lives, so that windows do not connect."""

from __future__ import annotations

from functools import cache

import grpc.aio

_OPTIONS = [("grpc.max_receive_message_length", -1)]


@cache
def channel(address: str, number: int = 0) -> grpc.aio.Channel:
    """Returns the connection; another `number` gives another one to the same server."""
    # By default, channels with equal options share a connection.
    return grpc.aio.insecure_channel(address, [*_OPTIONS, ("bench.number", number)])
