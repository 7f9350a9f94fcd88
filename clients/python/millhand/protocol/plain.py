"""What JSON has no kind for (dates, durations, UUIDs, sets, ...) as the JSON that handlers' types read.

The forms are those of msgspec, which reads and writes them in a server; a caller need not have it installed.
"""

from __future__ import annotations

import base64
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID


def plain(value: object) -> object:
    """The string, number or list that stands for a value; the value itself where none does.

    What is inside of a set is left as it is.
    """
    match value:
        case datetime() | time():
            return _clock(value)
        case date():
            return value.isoformat()
        case timedelta():
            return _duration(value)
        case UUID() | Decimal():
            return str(value)
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(bytes(value)).decode("ascii")
        case set() | frozenset():
            # A set has another order in each process, and a task that is sent again must be the same task.
            return sorted(value, key=repr)
        case _:
            return value


def _clock(value: datetime | time) -> str:
    offset = value.utcoffset()
    if offset is None:
        return value.replace(tzinfo=None).isoformat()
    # RFC 3339 has whole minutes, which zones of the 19th century have not. Half a minute is none.
    minutes = (abs(offset) // timedelta(seconds=1) + 29) // 60
    sign, (hours, rest) = "-" if offset < timedelta(0) else "+", divmod(minutes, 60)
    return value.replace(tzinfo=None).isoformat() + (f"{sign}{hours:02}:{rest:02}" if minutes else "Z")


def _duration(value: timedelta) -> str:
    """ISO 8601, in days and seconds: `P1DT2.5S`, `-PT1.5S`."""
    sign, length = ("-", -value) if value < timedelta(0) else ("", value)
    days = f"{length.days}D" if length.days or not length else ""
    fraction = f".{length.microseconds:06}".rstrip("0") if length.microseconds else ""
    seconds = f"T{length.seconds}{fraction}S" if length.seconds or fraction else ""
    return f"{sign}P{days}{seconds}"
