"""What a server refuses, as the Python client raises it: a test then knows one family of errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from millhand.protocol.status import error_from_status
from millhand_server.core.errors import MillhandError
from millhand_server.rpc.status import status_of


@contextmanager
def as_callers_see() -> Iterator[None]:
    """Raises `millhand.InvalidPayload` where the server's code raises its own, and so with all of them."""
    try:
        yield
    except MillhandError as error:
        raise error_from_status(status_of(error)) from None
