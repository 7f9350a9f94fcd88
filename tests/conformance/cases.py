"""The cases: YAML files below `cases/`, whose paths and names are the names of the cases.

A file is a list of cases. A case has a `name`, the `server` it needs (see `servers`) or the `answers` of one
that is made for it (see `scripted`), `steps` and, for pauses with something to do, `faults` by pause. A step
is a step of the schema, in the JSON of protobuf, with `expect`: a pattern of all that it shows (see
`matching`). `fault` is for cases without anything to see, in which the client cannot even be made.

`${x}` is an id that no other case has, `<bytes n>` so many bytes in Base64, and an item of a list with a key
`<times>` is there so many times.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from tests.conformance.wire import conformance_pb2 as wire

_HOME = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class CaseFile:
    """One case as it is written. `play` makes what is told and expected of it, with ids of its own."""

    name: str
    server: str
    steps: tuple[dict[str, Any], ...]
    #: What the runner does at which pause.
    faults: dict[str, str] = field(default_factory=dict)
    #: What of a connection differs from the server's own: `token`, `address`, ...; null is none.
    connection: dict[str, Any] = field(default_factory=dict)
    #: What a server says that is made for this case; empty if it is a real one.
    answers: dict[str, Any] = field(default_factory=dict)
    #: What that one must have heard, by method.
    calls: dict[str, Any] = field(default_factory=dict)
    #: What the program must say why it cannot play the case at all: a regular expression, or empty.
    fault: str = ""

    def play(self) -> tuple[wire.Case, dict[str, Any]]:
        """Returns the case without its connection, and what is expected of each step."""
        unique = secrets.token_hex(4)
        case = wire.Case(name=self.name)
        expected: dict[str, Any] = {}
        for number, written in enumerate(self.steps, 1):
            step = _with_ids(dict(written), unique)
            step.setdefault("name", str(number))
            expected[step["name"]] = step.pop("expect")
            json_format.ParseDict(step, case.steps.add())
        return case, expected


@cache
def all_cases() -> tuple[CaseFile, ...]:
    """Returns all cases, by name."""
    found = sorted(_read_all(), key=lambda case: case.name)
    names = [case.name for case in found]
    assert len(set(names)) == len(names), "two cases have the same name"
    return tuple(found)


def _read_all() -> Iterator[CaseFile]:
    for path in _HOME.rglob("*.yaml"):
        folder = path.relative_to(_HOME).with_suffix("").as_posix()
        for written in yaml.safe_load(path.read_text("utf-8")):
            name = f"{folder}/{written.pop('name')}"
            steps = tuple(written.pop("steps"))
            yield CaseFile(name=name, server=written.pop("server", "shared"), steps=steps, **written)


def _with_ids(value: Any, unique: str) -> Any:
    if isinstance(value, str):
        if value.startswith("<bytes "):
            return b64encode(bytes(int(value[len("<bytes ") : -1]))).decode()
        return value.replace("${", f"{unique}-").replace("}", "") if value.startswith("${") else value
    if isinstance(value, dict):
        return {key: _with_ids(item, unique) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_ids(item, unique) for item in _repeated(value)]
    return value


def _repeated(items: list[Any]) -> Iterator[Any]:
    for item in items:
        if isinstance(item, dict) and "<times>" in item:
            yield from [{key: value for key, value in item.items() if key != "<times>"}] * item["<times>"]
        else:
            yield item
