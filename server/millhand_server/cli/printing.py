"""Tables for people, JSON lines for programs, and outputs as what they are."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from millhand.v1.payload_pb2 import Payload
    from millhand_server.cli.types import Types


def print_json(value: Any) -> None:
    """Prints one JSON value on a line of its own, at once: somebody may be reading the pipe."""
    click.echo(json.dumps(value, ensure_ascii=False))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints rows below headings, with rich on a terminal where it is installed, else as aligned text."""
    shown = [[printable(cell) for cell in row] for row in rows]
    if sys.stdout.isatty() and _print_rich(headings, shown):
        return
    for line in aligned([list(headings), *shown]):
        click.echo(line)


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Prints names and values, one pair a line; pairs without a value are left out."""
    for line in aligned([[f"{name}:", printable(value)] for name, value in fields if value]):
        click.echo(line)


def print_output(payload: Payload, types: Types) -> None:
    """Prints what a handler returned: JSON as JSON, bytes as they are, nothing for nothing."""
    kind = payload.WhichOneof("kind")
    if kind == "blob":
        sys.stdout.flush()
        sys.stdout.buffer.write(payload.blob.data)
        sys.stdout.buffer.flush()
    elif kind is not None:
        value = output_value(payload, types)
        indent = 2 if sys.stdout.isatty() else None
        # Sorted, because on the wire an object has no order and would be printed in another one each time.
        click.echo(json.dumps(value, ensure_ascii=False, sort_keys=True, indent=indent))


def output_value(payload: Payload, types: Types) -> Any:
    """Returns a JSON value or a message as plain Python data."""
    from millhand.protocol.payloads import decode

    if payload.WhichOneof("kind") == "message":
        fields = types.to_dict(payload.message)
        fields.pop("@type", None)
        return fields
    return decode(payload)


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Gives lines whose columns are as wide as they need to be, two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def printable(text: str) -> str:
    """Makes text safe for a terminal: a task's label must not move the cursor or colour the screen."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def moment(stamp: Timestamp) -> str:
    """Returns a moment in local time to the second; empty for the zero that stands for none."""
    if not stamp.seconds:
        return ""
    return stamp.ToDatetime(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _print_rich(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    table = Table(*headings, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        # Text, because a string would be searched for markup: a label may hold square brackets.
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    Console().print(table)
    return True
