"""Durations and moments between Python and the wire."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from millhand.errors import InvalidArgument, Violation

#: Seconds, or a timedelta.
Seconds = float | timedelta

_NANOS = 1_000_000_000


def seconds_of(value: Seconds, field: str) -> float:
    """The number of seconds in `value`.

    Raises:
        InvalidArgument: If it is negative, not finite or not a duration at all.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        raise invalid(field, f"{value!r} is not a duration: give seconds as a number, or a timedelta")
    if seconds < 0:
        raise invalid(field, f"{value!r} is negative")
    return seconds


def optional_s(value: Seconds | None, field: str) -> float | None:
    return None if value is None else seconds_of(value, field)


def duration(value: Seconds, field: str) -> Duration:
    seconds, nanos = divmod(round(seconds_of(value, field) * _NANOS), _NANOS)
    try:
        return Duration(seconds=seconds, nanos=nanos)
    except ValueError:
        raise invalid(field, f"{value!r} does not fit a duration") from None


def timestamp(value: datetime, field: str) -> Timestamp:
    """`value` on the wire.

    Raises:
        InvalidArgument: If it has no time zone: what moment it means would depend on the machine.
    """
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise invalid(field, f"{value!r} is not a moment: give a datetime with a time zone")
    moment = Timestamp()
    moment.FromDatetime(value.astimezone(UTC))
    return moment


def invalid(field: str, description: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: {description}", violations=(Violation(field, description),))
