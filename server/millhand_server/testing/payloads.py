"""Payloads as callers send them and get them."""

from __future__ import annotations

from typing import Any

from millhand.protocol import payloads
from millhand.v1 import payload_pb2


def encoded(value: object) -> bytes:
    """Returns a request as the Python client sends it; empty bytes for None.

    Raises:
        InvalidPayload: the client would refuse it.
    """
    return b"" if value is None else payloads.encode(value).SerializeToString(deterministic=True)


def decoded(payload: bytes) -> Any:
    """Returns an output as the Python client hands it to its caller; None for empty bytes."""
    return payloads.decode(payload_pb2.Payload.FromString(payload)) if payload else None
