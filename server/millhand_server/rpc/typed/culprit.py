"""Finds which key of an object is meant where a path only says `[...]`, by trying with fewer keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+)\]|(?P<any>\[\.\.\.\])")

Step = str | int


def locate(value: object, path: str, fails_alike: Callable[[object], bool]) -> str:
    """Returns the path with each `[...]` replaced by the key (`.key`) that is at fault there.

    Args:
        value: what did not fit.
        path: where, in msgspec's form without its `$`.
        fails_alike: tells whether a changed value fails in the same way. It is called about twice the
            logarithm of the number of keys.
    """
    if "[...]" not in path:
        return path
    root: Any = value
    steps: list[Step] = []
    for step in _STEP.finditer(path):
        at = _at(root, steps)
        key: Step | None
        if step["any"]:
            key = _culprit(root, steps, at, fails_alike) if isinstance(at, dict) else None
        else:
            key = step["name"] if step["name"] is not None else int(step["index"])
        if key is None or not _has(at, key):
            return path
        steps.append(key)
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _culprit(
    root: Any, steps: list[Step], at: dict[str, Any], fails_alike: Callable[[object], bool]
) -> str | None:
    keys = list(at)
    while len(keys) > 1:
        half = keys[: len(keys) // 2]
        fails = fails_alike(_with(root, steps, {key: at[key] for key in half}))
        keys = half if fails else keys[len(half) :]
    return keys[0] if keys and fails_alike(_with(root, steps, {keys[0]: at[keys[0]]})) else None


def _with(root: Any, steps: list[Step], replacement: dict[str, Any]) -> Any:
    """Returns a copy of `root` that differs at one place; what does not lead there is shared."""
    if not steps:
        return replacement
    copy = root.copy()
    copy[steps[0]] = _with(root[steps[0]], steps[1:], replacement)
    return copy


def _at(root: Any, steps: list[Step]) -> Any:
    for step in steps:
        root = root[step]
    return root


def _has(at: object, key: Step) -> bool:
    if isinstance(at, dict):
        return key in at
    return isinstance(at, list) and isinstance(key, int) and key < len(at)
