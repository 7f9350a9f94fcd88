"""Reads the fields of a JSON request, and says in a sentence what is wrong with one.

Every refusal is Fatal INVALID_REQUEST: trying the same request again cannot help.
"""

from typing import Any

from millhand.kit import Fatal


def read_fields(request: object, *known: str) -> dict[str, Any]:
    """The request as a dict that has no other fields than `known`; no request at all is an empty one."""
    if request is None:
        return {}
    if not isinstance(request, dict):
        raise invalid(f"The request is an object with {_listed(known)}, not {_kind(request)}.")
    unknown = sorted(str(name)[:40] for name in request if name not in known)
    if unknown:
        raise invalid(f"Unknown field {unknown[0]!r}; the request has {_listed(known)}.")
    return request


def read_number(fields: dict[str, Any], name: str, *, low: float, high: float) -> float:
    """A required number from `low` to `high`; an integer stays one."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(f"{name!r} is required and is a number, not {_kind(value)}.")
    # NaN fails this too.
    if not low <= value <= high:
        raise invalid(f"{name!r} is from {low} to {high}, and is {value}.")
    return value


def read_integer(
    fields: dict[str, Any], name: str, *, low: int, high: int, default: int | None = None
) -> int:
    """An integer from `low` to `high`; required unless there is a default."""
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(f"{name!r} is an integer from {low} to {high}, not {_kind(value)}.")
    if not low <= value <= high:
        raise invalid(f"{name!r} is an integer from {low} to {high}, and is {value}.")
    return value


def read_text(fields: dict[str, Any], name: str, *, default: str | None = None) -> str:
    """A string; required unless there is a default."""
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise invalid(f"{name!r} is a string, not {_kind(value)}.")
    return value


def read_flag(fields: dict[str, Any], name: str) -> bool:
    """A boolean; false when it is missing."""
    value = fields.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise invalid(f"{name!r} is true or false, not {_kind(value)}.")
    return value


def invalid(sentence: str) -> Fatal:
    return Fatal("INVALID_REQUEST", sentence)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "an integer"}
    if value is None:
        return "missing or null"
    if isinstance(value, float):
        return f"the number {value}"
    return names.get(type(value), f"a {type(value).__name__}")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(repr(name) for name in names)
