"""Parsers of single values: text of a flag or a variable, or what TOML holds, to what the program uses.

Each raises ValueError with the second half of a sentence ("must be ..., not ..."); where the value came from
is the first half, and the caller's to say.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

#: Turns a raw value into the program's; raises ValueError.
Parse = Callable[[Any], Any]

_UNITS_US = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")

#: 10,000 years: the most that a duration on the wire can say.
_MAX_DURATION_US = 315_576_000_000 * 1_000_000

_MAX_TEXT_BYTES = 256
_YES = ("true", "yes", "on", "1")
_NO = ("false", "no", "off", "0")


def duration_us(value: object) -> int:
    """Reads `500ms`, `30s`, `5m`, `1h30m`, `1.5s` as microseconds; only 0 may go without a unit."""
    text = str(value).strip()
    if text == "0":
        return 0
    if isinstance(value, int | float) or not _DURATION.fullmatch(text):
        raise ValueError(f"must be a duration such as 500ms, 30s, 5m or 1h30m, not {_shown(value)}")
    parts = _PART.findall(text)
    total = sum(round(float(amount) * _UNITS_US[unit]) for amount, unit in parts)
    if total > _MAX_DURATION_US:
        raise ValueError(f"must be at most 10,000 years, not {_shown(value)}")
    return total


def integer(low: int, high: int) -> Parse:
    """Makes a parser of whole numbers between two bounds, both included."""

    def parse(value: object) -> int:
        wanted = f"must be a whole number from {low} to {high}, not {_shown(value)}"
        if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,20}", value.strip()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(wanted)
        return value

    return parse


def rate(value: object) -> float:
    """Reads a number of things per second; 0 is no limit."""
    wanted = f"must be a number that is not negative, not {_shown(value)}"
    try:
        number = float(value) if isinstance(value, int | float | str) and value is not True else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise ValueError(wanted)
    return number


def switch(value: object) -> bool:
    """Reads a yes or a no."""
    word = str(value).strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError(f"must be true or false, not {_shown(value)}")


def text(value: object) -> str:
    """Reads printable text of 1 to 256 bytes."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError(f"must be printable text that is not empty, not {_shown(value)}")
    if len(value.encode()) > _MAX_TEXT_BYTES:
        raise ValueError(f"must be at most {_MAX_TEXT_BYTES} bytes of text")
    return value.strip()


def host(value: object) -> str:
    """Reads a name or an address; IPv6 may stand in brackets, as in URLs."""
    return text(value).strip("[]")


def path(value: object) -> str:
    """Reads the path of a file or folder, which need not exist yet."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"must be a path, not {_shown(value)}")
    return value


def choice(*words: str) -> Parse:
    """Makes a parser of one of a few words."""

    def parse(value: object) -> str:
        word = str(value).strip().lower()
        if word not in words:
            raise ValueError(f"must be one of {', '.join(words)}, not {_shown(value)}")
        return word

    return parse


def reference(value: object) -> str:
    """Reads `MODULE:ATTR`."""
    if not isinstance(value, str) or not re.fullmatch(r"[\w.]+:[\w.]+", value.strip()):
        raise ValueError(f"must be MODULE:ATTR, such as myapp.tasks:handlers, not {_shown(value)}")
    return value.strip()


def _shown(value: object) -> str:
    return repr(value)[:80]
