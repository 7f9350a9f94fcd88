"""`millhand list`: tasks as they are, once or again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from millhand_server.cli.connection import Connection, connect, connected
from millhand_server.cli.console import rich_console
from millhand_server.cli.filters import filter_of, filtered
from millhand_server.cli.printing import WIDE, moment, print_json, print_table, printable, rich_table
from millhand_server.cli.task_text import note_on, short_status_of

if TYPE_CHECKING:
    from rich.console import Console

    from millhand import Task

_HEADINGS = ("ID", "HANDLER", "STATUS", "ATTEMPT", "CREATED", "NOTE")
_SPARE = ("ATTEMPT", "CREATED")

_LOOK_AGAIN_S = 1.0

_Look = Callable[[], "list[Task]"]


@click.command("list")
@filtered
@click.option("--limit", type=click.IntRange(0), default=100, show_default=True, help="0 is all of them.")
@click.option(
    "--order-by",
    type=click.Choice(
        [f"{key}{way}" for key in ("create_time", "due_time", "priority") for way in ("", " desc")]
    ),
    help="What they are sorted by. Unset: create_time, with --watch create_time desc.",
)
@click.option("--full", is_flag=True, help="With their payloads (JSON only).")
@click.option(
    "--watch", is_flag=True, help="Look again every second until Ctrl-C. In a pipe, give what has changed."
)
@connected
def list_tasks(
    output: str, limit: int, order_by: str | None, full: bool, watch: bool, **filters: Any
) -> None:
    """List tasks, all of them or those that the options choose."""
    with connect() as connection:

        def look() -> Iterator[Task]:
            found = connection.client.list(
                order_by=order_by or ("create_time desc" if watch else "create_time"),
                full=full,
                page_size=min(limit, 1000) if limit else 1000,
                **filter_of(**filters),
            )
            return islice(found, limit or None)

        if watch:
            _watch(connection, lambda: list(look()), output)
        elif output == "json":
            for task in look():
                print_json(connection.types.to_dict(task))
        else:
            print_table(_HEADINGS, map(_row, look()), spare=_SPARE)


def _watch(connection: Connection, look: _Look, output: str) -> None:
    console = rich_console()
    if output == "json":
        for task in _changes(look):
            print_json(connection.types.to_dict(task))
    elif console is None:
        click.echo(_line(_HEADINGS))
        for task in _changes(look):
            click.echo(_line(_row(task)))
    else:
        _watch_on(console, look)


def _changes(look: _Look) -> Iterator[Task]:
    """Gives each task when it is first seen and whenever it has changed, for ever."""
    seen: dict[str, Task] = {}
    while True:
        now = look()
        yield from (task for task in now if seen.get(task.id) != task)
        seen = {task.id: task for task in now}
        time.sleep(_LOOK_AGAIN_S)


def _watch_on(console: Console, look: _Look) -> None:
    from rich.live import Live

    # The whole screen, and the old one back at the end: what is watched has no place in the scrollback.
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(_page(console, look()), refresh=True)
            time.sleep(_LOOK_AGAIN_S)


def _page(console: Console, tasks: Sequence[Task]) -> Any:
    from rich.console import Group
    from rich.text import Text

    most = console.height - 3
    table = rich_table(
        _HEADINGS, [_row(task) for task in tasks[:most]], spare=_SPARE if console.width < WIDE else ()
    )
    hidden = f", {len(tasks) - most} of them below the edge" if len(tasks) > most else ""
    count = "1 task" if len(tasks) == 1 else f"{len(tasks)} tasks"
    return Group(table, Text(f"\n{count}{hidden}; Ctrl-C ends", style="dim"))


def _line(cells: Sequence[str]) -> str:
    widths = (36, 16, 10, 7, 25, 0)
    return "  ".join(printable(cell).ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _row(task: Task) -> tuple[str, ...]:
    return (
        task.id,
        task.handler,
        short_status_of(task),
        str(task.attempt),
        moment(task.create_time),
        note_on(task),
    )
