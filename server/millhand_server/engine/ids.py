"""Ids for tasks whose callers gave none: UUIDv7, which sort by time."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 14):
    from uuid import uuid7
else:
    from uuid_utils import uuid7


def new_task_id() -> str:
    """Returns an id that no other task has."""
    return str(uuid7())
