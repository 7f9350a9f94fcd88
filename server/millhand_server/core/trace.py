"""W3C trace context, level 1 and up: which texts are a `traceparent`, and what they name."""

from __future__ import annotations

import re

#: Later versions may add fields after the four that are known; version ff is none.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-[!-~]*)?")


def trace_id(traceparent: str) -> str:
    """Returns the trace's id (32 hexadecimal digits), empty when the text is no traceparent."""
    parts = _TRACEPARENT.fullmatch(traceparent)
    if parts is None:
        return ""
    version, trace, parent, more = parts.groups()
    is_void = not trace.strip("0") or not parent.strip("0") or (version == "00" and more is not None)
    return "" if is_void else trace


def first_traceparent(*candidates: str) -> str:
    """Returns the first that is a traceparent, empty when none is: who sends junk sends nothing."""
    return next((text for text in candidates if text and trace_id(text)), "")
