"""Tables for people, JSON lines for programs, and outputs as what they are."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any, Literal

import click

from millhand_server.cli.console import rich_console

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp
    from rich.console import RenderableType
    from rich.text import Text

    from millhand.v1.payload_pb2 import Payload
    from millhand_server.cli.types import Types

#: Terminals narrower than this go without a table's spare columns: an id alone takes 36.
WIDE = 100

_STYLES = {
    "RUNNING": "cyan",
    "COMPLETED": "green",
    "FAILED": "red",
    "CANCELLED": "yellow",
    "DEADLINE": "red",
    "RETRYING": "magenta",
}


def print_json(value: Any) -> None:
    """Prints one JSON value on a line of its own, at once: somebody may be reading the pipe."""
    click.echo(json.dumps(value, ensure_ascii=False))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, spare: Sequence[str] = ()) -> None:
    """Prints rows below headings, with rich on a terminal where it is installed, else as aligned text.

    Args:
        headings: What stands above the columns.
        rows: The cells, as many as there are headings.
        spare: Headings of columns that a narrow terminal goes without.
    """
    shown = [tuple(row) for row in rows]
    console = rich_console()
    if console is not None:
        console.print(rich_table(headings, shown, spare=spare if console.width < WIDE else ()))
        return
    for line in aligned([list(headings), *([printable(cell) for cell in row] for row in shown)]):
        click.echo(line)


def rich_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, spare: Sequence[str] = ()
) -> RenderableType:
    """Builds rich's table without the columns in `spare`."""
    from rich.table import Table

    kept = [number for number, heading in enumerate(headings) if heading not in spare]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number in kept:
        # An id is there to be copied, and is never broken.
        table.add_column(headings[number], no_wrap=headings[number] in ("ID", "STATUS", "OUTCOME"))
    for row in rows:
        table.add_row(*(_cell(headings[number], row[number]) for number in kept))
    return table


def _cell(heading: str, value: str) -> Text:
    from rich.text import Text

    # Text, because a string would be searched for markup: a label may hold square brackets. A note is cut at
    # the edge, so that a task is one line.
    is_note = heading == "NOTE"
    overflow: Literal["ellipsis", "fold"] = "ellipsis" if is_note else "fold"
    return Text(printable(value), style=style_of(value), no_wrap=is_note, overflow=overflow)


def style_of(status: str) -> str:
    """Returns the colour that a status has on terminals that have colours."""
    return _STYLES.get(status, "")


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


def brief(payload: Payload, types: Types) -> str:
    """Returns a payload on one line: JSON as JSON, bytes as how many they are, nothing for nothing."""
    kind = payload.WhichOneof("kind")
    if kind is None:
        return ""
    if kind == "blob":
        return f"{len(payload.blob.data)} bytes {payload.blob.content_type}".rstrip()
    return json.dumps(output_value(payload, types), ensure_ascii=False, sort_keys=True)


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
    """Returns a moment in local time to the second, with its offset; empty for the zero that is none."""
    if not stamp.seconds:
        return ""
    local = stamp.ToDatetime(UTC).astimezone()
    return local.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def span(seconds: float) -> str:
    """Returns a duration as options take it, not more exact than a person wants it: 1h30m, 5m, 12s, 800ms."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    whole = round(seconds)
    parts = ((whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60 if whole < 3600 else 0, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count)
