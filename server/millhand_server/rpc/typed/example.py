"""Makes up a JSON value from its JSON Schema, short and plausible. It may not fit: the caller checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

_FORMATS = {
    "date-time": "2026-01-01T12:00:00Z",
    "date": "2026-01-01",
    "time": "12:00:00Z",
    "duration": "PT1M",
    "uuid": "01890a5d-ac96-774b-bcce-b302099a8057",
    "decimal": "1.50",
    "email": "somebody@example.org",
    "uri": "https://example.org/",
    "byte": "aGVsbG8=",
}
_MAX_DEPTH = 5

#: What a string may have to be although its schema does not tell.
_UNTOLD = (_FORMATS["date-time"], _FORMATS["time"])


def example_of(schema: dict[str, Any], *, sparse: bool = False) -> Any:
    """Returns a value; of objects only the fields that are required, or all when none is and not `sparse`."""
    return _Maker(schema.get("$defs", {}), sparse).make(schema, 0)


def settled(value: Any, faults_of: Callable[[Any], Sequence[str]]) -> Any:
    """Tries other strings where an example does not fit: moments, which types may leave without a format.

    Args:
        value: an example, which is changed.
        faults_of: returns the paths (`.when`, `[0].name`) at which an example does not fit.
    """
    places = dict(_texts(value, ""))
    while (faults := faults_of(value)) and faults[0] in places:
        # Each place is tried once, so that this ends.
        parent, key = places.pop(faults[0])
        for text in _UNTOLD:
            parent[key] = text
            if faults[0] not in faults_of(value):
                break
    return value


def _texts(value: Any, path: str) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yields the strings in a value: for each its path, what it stands in, and under which key."""
    if isinstance(value, dict):
        items = [(f"{path}.{key}", key, item) for key, item in value.items()]
    elif isinstance(value, list):
        items = [(f"{path}[{index}]", index, item) for index, item in enumerate(value)]
    else:
        return
    for below, key, item in items:
        if isinstance(item, str):
            yield below, (value, key)
        else:
            yield from _texts(item, below)


class _Maker:
    def __init__(self, definitions: dict[str, Any], sparse: bool) -> None:
        self._definitions = definitions
        self._sparse = sparse

    def make(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, dict) or depth > _MAX_DEPTH:
            return None
        if "$ref" in schema:
            return self.make(self._definitions.get(schema["$ref"].removeprefix("#/$defs/")), depth + 1)
        for key in ("examples", "enum"):
            if schema.get(key):
                return schema[key][0]
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        for key in ("anyOf", "oneOf", "allOf"):
            if key in schema:
                return self.make(self._most_telling(schema[key]), depth)
        return self._of_type(schema, depth)

    def _most_telling(self, alternatives: list[Any]) -> Any:
        return next((one for one in alternatives if one.get("type") != "null"), alternatives[0])

    def _of_type(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type")
        match kind[0] if isinstance(kind, list) else kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "string":
                return _string(schema)
            case "integer" | "number" as number:
                return _number(schema, whole=number == "integer")
            case "boolean":
                return True
            case _:
                return None

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties: dict[str, Any] = schema.get("properties", {})
        names = schema.get("required") or ([] if self._sparse or depth >= _MAX_DEPTH else list(properties))
        made = {name: self.make(properties.get(name, {}), depth + 1) for name in names}
        if not made and isinstance(schema.get("additionalProperties"), dict) and not self._sparse:
            made["key"] = self.make(schema["additionalProperties"], depth + 1)
        return made

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        first = [self.make(item, depth + 1) for item in schema.get("prefixItems", [])]
        items = schema.get("items")
        if first or not isinstance(items, dict) or depth >= _MAX_DEPTH:
            return first
        return [self.make(items, depth + 1) for _ in range(max(1, schema.get("minItems", 1)))]


def _string(schema: dict[str, Any]) -> str:
    if schema.get("contentEncoding") == "base64":
        return _FORMATS["byte"]
    text: str = _FORMATS.get(schema.get("format", ""), "text")
    text += "." * (schema.get("minLength", 0) - len(text))
    length: int = schema.get("maxLength", len(text))
    return text[:length]


def _number(schema: dict[str, Any], *, whole: bool) -> float:
    step: float = schema.get("multipleOf", 1)
    low, high = _bounds(schema, step if whole or "multipleOf" in schema else None)
    if low is not None and step < low:
        return -(-low // step) * step if "multipleOf" in schema else low
    return high if high is not None and step > high else step


def _bounds(schema: dict[str, Any], step: float | None) -> tuple[float | None, float | None]:
    """Returns the least and the greatest number allowed, for a fraction between open bounds their middle."""
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if step is None and above is not None and below is not None:
        return (above + below) / 2, (above + below) / 2
    if above is not None:
        low = above + (step or 1)
    if below is not None:
        high = below - (step or 1)
    return low, high
