"""What a JSON Schema allows at one place of a value, where it lists the values: enums, literals, tags."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+)\]")

#: Nobody reads more of them in a sentence.
_MOST = 10


def sentence(schema: dict[str, Any], path: str) -> str:
    """Returns the end of a sentence that begins with a place and says what may stand there.

    Args:
        schema: Of the whole value.
        path: Of the place: `.items[0].colour`; empty for the value itself.
    """
    places = [schema]
    for step in _STEP.finditer(path):
        places = [below for place in places for below in _below(place, step["name"], schema)]
    listed = [json.dumps(value, ensure_ascii=False) for place in places for value in _listed(place, schema)]
    values = list(dict.fromkeys(listed))
    if not values:
        return "is none of the values that are allowed"
    more = f", or {len(values) - _MOST} more" if len(values) > _MOST else ""
    return f"must be {'one of ' if len(values) > 1 else ''}{', '.join(values[:_MOST])}{more}"


def _below(place: dict[str, Any], name: str | None, root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Gives the schemas of a field of this name, or of items where there is none."""
    for one in _alternatives(place, root):
        if name is None:
            found = [*one.get("prefixItems", []), one.get("items")]
        else:
            found = [one.get("properties", {}).get(name, one.get("additionalProperties"))]
        yield from (below for below in found if isinstance(below, dict))


def _listed(place: dict[str, Any], root: dict[str, Any]) -> Iterator[Any]:
    for one in _alternatives(place, root):
        yield from one.get("enum", [])
        if "const" in one:
            yield one["const"]


def _alternatives(place: dict[str, Any], root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in place:
        yield from _alternatives(root.get("$defs", {}).get(place["$ref"].removeprefix("#/$defs/"), {}), root)
    elif "anyOf" in place:
        for one in place["anyOf"]:
            yield from _alternatives(one, root)
    else:
        yield place
