"""Compares what was seen with what a case expects: a pattern of plain data, where what is not said is free.

| pattern | matches |
|---|---|
| a mapping | a mapping that has at least these keys, with values that match |
| a list | a list of as many items, each of which matches; a last item `...` stands for any rest |
| `<any>` | whatever is there and not empty |
| `{<set>: [...]}` | a list with these items in any order |
| `{<each>: p, <count>: n}` | a list of n items that all match p |
| `{<json>: value}` | text that is this value in JSON |
| `{<has>: text}` | text that contains this one |
| anything else | the same; what is empty, zero or false also what is absent |
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Pattern = Any

_REST = "..."


def mismatch(pattern: Pattern, seen: Any, path: str = "") -> str:
    """Returns where and how what was seen differs; empty if it matches."""
    if isinstance(pattern, Mapping):
        return _of_mapping(pattern, seen, path)
    if isinstance(pattern, list):
        return _of_list(pattern, seen, path)
    if pattern == "<any>":
        return "" if seen not in (None, "", [], {}) else f"{path}: nothing is there"
    if not pattern and pattern == type(pattern)() and seen is None:
        return ""
    if isinstance(pattern, int | float) and isinstance(seen, str):
        # 64-bit integers are text in the JSON of protobuf.
        seen = float(seen) if _is_number(seen) else seen
    return "" if pattern == seen else f"{path}: {seen!r} instead of {pattern!r}"


def _of_mapping(pattern: Mapping[str, Pattern], seen: Any, path: str) -> str:
    if "<set>" in pattern:
        return _of_set(pattern["<set>"], seen, path)
    if "<each>" in pattern:
        return _of_each(pattern["<each>"], pattern.get("<count>"), seen, path)
    if "<json>" in pattern:
        return mismatch(pattern["<json>"], json.loads(seen) if seen else None, f"{path}<json>")
    if "<has>" in pattern:
        wanted = pattern["<has>"]
        return (
            "" if isinstance(seen, str) and wanted in seen else f"{path}: {seen!r} does not have {wanted!r}"
        )
    if not isinstance(seen, Mapping):
        return "" if not pattern and seen is None else f"{path}: {seen!r} instead of {dict(pattern)!r}"
    faults = (mismatch(value, seen.get(key), f"{path}.{key}") for key, value in pattern.items())
    return next((fault for fault in faults if fault), "")


def _of_list(pattern: Sequence[Pattern], seen: Any, path: str) -> str:
    found = list(seen or [])
    rest = pattern[-1:] == [_REST]
    wanted = pattern[:-1] if rest else pattern
    if len(found) < len(wanted) or (len(found) > len(wanted) and not rest):
        return f"{path}: {len(found)} instead of {len(wanted)}{' or more' if rest else ''}: {found!r}"
    faults = (mismatch(one, found[n], f"{path}[{n}]") for n, one in enumerate(wanted))
    return next((fault for fault in faults if fault), "")


def _of_set(pattern: Sequence[Pattern], seen: Any, path: str) -> str:
    left = list(seen or [])
    for one in pattern:
        match = next((item for item in left if not mismatch(one, item)), None)
        if match is None:
            return f"{path}: nothing like {one!r} among {left!r}"
        left.remove(match)
    return f"{path}: not expected: {left!r}" if left else ""


def _of_each(pattern: Pattern, count: int | None, seen: Any, path: str) -> str:
    found = list(seen or [])
    if count is not None and len(found) != count:
        return f"{path}: {len(found)} instead of {count}"
    faults = (mismatch(pattern, item, f"{path}[{n}]") for n, item in enumerate(found))
    return next((fault for fault in faults if fault), "")


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdigit()
