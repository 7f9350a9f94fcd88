"""Ids made on this side, so that every registration can be sent twice."""

from __future__ import annotations

import uuid


def new_id() -> str:
    """A task id: a UUIDv7 where Python has one (its order is its time of birth), else a random UUID."""
    make = getattr(uuid, "uuid7", uuid.uuid4)
    return str(make())


def new_request_id() -> str:
    """What the server's log calls one call."""
    return uuid.uuid4().hex
