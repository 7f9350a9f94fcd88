"""Compares what was seen with what a case expects: a pattern of plain data, where what is not said is free.

| pattern | matches |
|---|---|
| a mapping | a mapping that has at least these keys, with values that match |
| a list | a list of as many items, each of which matches; a last item `...` stands for any rest |
| `<any>` | whatever is there and not empty |
| `{<set>: [...]}` | a list with these items in any order |
| `{<each>: p, <count>: n}` | a list of n items that all match p |
| `{<one-of>: [...]}` | what matches one of these |
| `{<among>: [...]}` | a list that has these items, and maybe others |
| `{<alike>: p}` | a list of items that match p and are the same, two at the least |
| `{<json>: value}` | text that is this value in JSON |
| `{<has>: text}` | text that contains this one |
| anything else | the same; what is empty, zero or false also what is absent |
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Pattern = Any

_REST = "..."


def mismatch(pattern: Pattern, seen: Any, path: str = "") -> str:
    """Returns where and how what was seen differs; empty if it matches."""
    if isinstance(pattern, Mapping):
        word = next((word for word in _WORDS if word in pattern), None)
        return _of_mapping(pattern, seen, path) if word is None else _WORDS[word](pattern, seen, path)
    if isinstance(pattern, list):
        return _of_list(pattern, seen, path)
    if pattern == "<any>":
        return "" if seen not in (None, "", [], {}) else f"{path}: nothing is there"
    if not pattern and pattern == type(pattern)() and seen is None:
        return ""
    if isinstance(pattern, int | float) and isinstance(seen, str):
        # 64-bit integers are text in the JSON of protobuf.
        seen = float(seen) if _is_number(seen) else seen
    # To Python, True is 1.
    same = pattern == seen and isinstance(pattern, bool) == isinstance(seen, bool)
    return "" if same else f"{path}: {seen!r} instead of {pattern!r}"


def _of_mapping(pattern: Mapping[str, Pattern], seen: Any, path: str) -> str:
    if not isinstance(seen, Mapping):
        return "" if not pattern and seen is None else f"{path}: {seen!r} instead of {dict(pattern)!r}"
    return _first(mismatch(value, seen.get(key), f"{path}.{key}") for key, value in pattern.items())


def _of_list(pattern: Sequence[Pattern], seen: Any, path: str) -> str:
    found = list(seen or [])
    rest = pattern[-1:] == [_REST]
    wanted = pattern[:-1] if rest else pattern
    if len(found) < len(wanted) or (len(found) > len(wanted) and not rest):
        return f"{path}: {len(found)} instead of {len(wanted)}{' or more' if rest else ''}: {found!r}"
    return _first(mismatch(one, found[n], f"{path}[{n}]") for n, one in enumerate(wanted))


def _of_set(pattern: Mapping[str, Pattern], seen: Any, path: str) -> str:
    left = list(seen or [])
    for one in pattern["<set>"]:
        match = next((item for item in left if not mismatch(one, item)), None)
        if match is None:
            return f"{path}: nothing like {one!r} among {left!r}"
        left.remove(match)
    return f"{path}: not expected: {left!r}" if left else ""


def _of_each(pattern: Mapping[str, Pattern], seen: Any, path: str) -> str:
    found = list(seen or [])
    if len(found) != pattern["<count>"]:
        return f"{path}: {len(found)} instead of {pattern['<count>']}"
    return _first(mismatch(pattern["<each>"], item, f"{path}[{n}]") for n, item in enumerate(found))


def _of_among(pattern: Mapping[str, Pattern], seen: Any, path: str) -> str:
    lacking = [one for one in pattern["<among>"] if all(mismatch(one, item) for item in seen or [])]
    return _first(f"{path}: nothing like {one!r} among {seen!r}" for one in lacking)


def _of_alike(pattern: Mapping[str, Pattern], seen: Any, path: str) -> str:
    found = list(seen or [])
    if len(found) < 2:
        return f"{path}: {len(found)} instead of 2 or more: {found!r}"
    others = _first(f"{path}: {one!r} differs from {found[0]!r}" for one in found[1:] if one != found[0])
    return mismatch(pattern["<alike>"], found[0], f"{path}[0]") or others


def _of_one(pattern: Mapping[str, Pattern], seen: Any, path: str) -> str:
    faults = [mismatch(one, seen, path) for one in pattern["<one-of>"]]
    return " and ".join(faults) if all(faults) else ""


def _of_json(pattern: Mapping[str, Pattern], seen: Any, path: str) -> str:
    return mismatch(pattern["<json>"], json.loads(seen) if seen else None, f"{path}<json>")


def _of_text(pattern: Mapping[str, Pattern], seen: Any, path: str) -> str:
    wanted = pattern["<has>"]
    has = isinstance(seen, str) and wanted in seen
    return "" if has else f"{path}: {seen!r} does not have {wanted!r}"


def _first(faults: Iterable[str]) -> str:
    return next((fault for fault in faults if fault), "")


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdigit()


_WORDS: dict[str, Callable[[Mapping[str, Pattern], Any, str], str]] = {
    "<set>": _of_set,
    "<each>": _of_each,
    "<among>": _of_among,
    "<alike>": _of_alike,
    "<one-of>": _of_one,
    "<json>": _of_json,
    "<has>": _of_text,
}
