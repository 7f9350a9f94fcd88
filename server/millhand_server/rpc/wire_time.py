"""Durations and timestamps between the wire (seconds and nanos) and integer microseconds.

The well-known types' own conversions accept mixed signs and overflow, so the checks are made by hand.
"""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

#: What google.protobuf.Duration allows: ten thousand years.
MAX_DURATION_S = 315_576_000_000
#: What google.protobuf.Timestamp allows: the years 0001 to 9999.
FIRST_SECOND = -62_135_596_800
LAST_SECOND = 253_402_300_799
#: The longest wait that ends before the year 10000 for every start before the year 3000.
MAX_DELAY_S = LAST_SECOND - 32_503_680_000

_NANOS = 1_000_000_000
_MICROS = 1_000_000


def duration_fault(value: Duration) -> str | None:
    """Returns what is wrong with a duration that somebody sent, or None."""
    seconds, nanos = value.seconds, value.nanos
    if not -_NANOS < nanos < _NANOS:
        return f"has {nanos} nanos; less than a second fits in there"
    if (seconds > 0 > nanos) or (seconds < 0 < nanos):
        return "has seconds and nanos of different signs"
    if seconds < 0 or nanos < 0:
        return "is negative"
    if seconds > MAX_DURATION_S:
        return f"is longer than {MAX_DURATION_S} s"
    return None


def timestamp_fault(value: Timestamp) -> str | None:
    """Returns what is wrong with a timestamp that somebody sent, or None."""
    if not FIRST_SECOND <= value.seconds <= LAST_SECOND:
        return "is not in the years 0001 to 9999"
    if not 0 <= value.nanos < _NANOS:
        return f"has {value.nanos} nanos; 0 to 999999999 are allowed"
    return None


def duration_us(value: Duration) -> int:
    """Returns a checked duration, rounded up: one nanosecond is short, but it is not "no limit"."""
    return value.seconds * _MICROS + -(-value.nanos // 1_000)


def timestamp_us(value: Timestamp) -> int:
    return value.seconds * _MICROS + value.nanos // 1_000


def write_duration(target: Duration, us: int) -> None:
    # Assigning makes the field present, with zeros too.
    target.seconds, rest = divmod(us, _MICROS)
    target.nanos = rest * 1_000


def write_timestamp(target: Timestamp, us: int) -> None:
    target.seconds, rest = divmod(us, _MICROS)
    target.nanos = rest * 1_000
