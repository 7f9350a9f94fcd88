"""Types of command-line values: durations, moments, labels, JSON. Each is a function that click calls."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

import click

from millhand_server.config import values


@dataclass(frozen=True)
class JsonValue:
    """A JSON value that was given: null is one, too, and not the same as none given."""

    value: Any


def text(value: str) -> str:
    """Reads a name. Nothing is none: it is often a shell's variable that is not set."""
    if not value:
        raise click.BadParameter("is empty")
    return value


def duration(text: str) -> timedelta:
    """Reads `500ms`, `30s`, `5m`, `1h30m` or 0."""
    try:
        return timedelta(microseconds=values.duration_us(text))
    except (ValueError, OverflowError) as refusal:
        raise click.BadParameter(str(refusal)) from None


def instant(text: str) -> datetime:
    """Reads a moment as RFC 3339 writes it; without an offset nobody knows which one is meant."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"must be a moment such as 2026-11-24T18:00:00Z, not {text!r}") from None
    if moment.tzinfo is None:
        whole = moment.isoformat()
        raise click.BadParameter(f"needs an offset, such as {whole}Z or {whole}+01:00")
    return moment


def label(text: str) -> tuple[str, str]:
    """Reads `key=value`."""
    key, equals, content = text.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"must be KEY=VALUE, not {text!r}")
    return key, content


def json_value(text: str) -> JsonValue:
    """Reads a JSON value; `-` reads it from standard input."""
    content = sys.stdin.read() if text == "-" else text
    try:
        return JsonValue(json.loads(content, parse_constant=_refuse_constant))
    except (ValueError, RecursionError) as refusal:
        raise click.BadParameter(f"is not JSON ({refusal}); a shell wants single quotes around it") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"there is no {name} in it")
