"""Results as rows, as they come: live on a terminal, with what runs below them; plain columns in a pipe."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any, Protocol

import click

from millhand_server.cli.console import rich_console
from millhand_server.cli.printing import WIDE, brief, moment, printable, style_of
from millhand_server.cli.task_text import note_on, short_status_of

if TYPE_CHECKING:
    from rich.console import Console

    from millhand import Gap, Progress, Result
    from millhand_server.cli.types import Types

#: A task's output is cut at this in a pipe, and at the edge of a terminal; JSON has all of it.
_WIDEST = 120

#: How many of the tasks that run a live sheet shows.
_MOST_RUNNING = 5


class Sheet(Protocol):
    """Takes what comes, in order."""

    #: Whether it wants to be told of progress.
    shows_progress: bool

    def begin(self) -> None:
        """The reading has begun: what comes from now on is shown."""

    def result(self, result: Result) -> None: ...

    def gap(self, gap: Gap) -> None: ...

    def progress(self, progress: Progress) -> None: ...

    def close(self) -> None: ...


def sheet(types: Types, *, live: bool) -> Sheet:
    """Returns the sheet for standard output; `live` if more may come."""
    console = rich_console()
    columns = Columns(types, width=shutil.get_terminal_size().columns if sys.stdout.isatty() else None)
    if live and console is not None:
        return _LiveSheet(console, columns)
    return _PlainSheet(columns, heading_at_once=live)


class Columns:
    """Cells in columns of fixed width: what comes later is not known yet."""

    def __init__(self, types: Types, width: int | None) -> None:
        self._types = types
        self._width = width
        self._shows_end = width is None or width >= WIDE
        self.heading = self.line("ENDED", "STATUS", "ID", "HANDLER", "OUTPUT")

    def line(self, ended: str, status: str, task_id: str, handler: str, what: str) -> str:
        first = f"{ended:20}  " if self._shows_end else ""
        line = f"{first}{status:9}  {task_id:36}  {handler:12}  {what}".rstrip()
        if self._width is not None and len(line) > self._width:
            return line[: self._width - 1] + "…"
        return line

    def of(self, result: Result) -> str:
        task = result.task
        what = brief(result.message.output, self._types) or note_on(task)
        return self.line(
            moment(task.complete_time),
            short_status_of(task),
            printable(task.id),
            printable(task.handler),
            printable(what if len(what) <= _WIDEST else what[: _WIDEST - 1] + "…"),
        )


def _gap_line(gap: Gap) -> str:
    missed = "an unknown number of" if gap.missed is None else str(gap.missed)
    why = "the log was replaced" if gap.log_replaced else "they are past their retention"
    return f"--- gap: {missed} results cannot be given any more ({why})"


class _PlainSheet:
    shows_progress = False

    def __init__(self, columns: Columns, *, heading_at_once: bool) -> None:
        self._columns = columns
        self._headed = False
        self._heading_at_once = heading_at_once

    def begin(self) -> None:
        if self._heading_at_once:
            self._head()

    def result(self, result: Result) -> None:
        self._head()
        click.echo(self._columns.of(result))

    def gap(self, gap: Gap) -> None:
        self._head()
        click.echo(_gap_line(gap))

    def progress(self, progress: Progress) -> None:
        """Is not asked for: a line for each would bury the results."""

    def close(self) -> None:
        if not self._headed:
            click.echo("no results", err=True)

    def _head(self) -> None:
        if not self._headed:
            self._headed = True
            click.echo(self._columns.heading)


class _LiveSheet:
    shows_progress = True

    def __init__(self, console: Console, columns: Columns) -> None:
        from rich.live import Live

        self._columns = columns
        self._running: dict[str, Progress] = {}
        self._count = 0
        self._live = Live(console=console, transient=True, get_renderable=self._below)

    def begin(self) -> None:
        self._live.start()
        self._print(self._columns.heading, "bold")

    def result(self, result: Result) -> None:
        self._running.pop(result.task.id, None)
        self._count += 1
        self._print(self._columns.of(result), style_of(short_status_of(result.task)))

    def gap(self, gap: Gap) -> None:
        self._print(_gap_line(gap), "yellow")

    def progress(self, progress: Progress) -> None:
        self._running[progress.task_id] = progress

    def close(self) -> None:
        self._live.stop()

    def _print(self, line: str, style: str) -> None:
        from rich.text import Text

        self._live.console.print(Text(line, style=style), soft_wrap=True)

    def _below(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        # A copy: rich draws in a thread of its own.
        running = [*self._running.values()]
        rows = [Text(self._running_line(told), style="cyan") for told in running[:_MOST_RUNNING]]
        more = f", {len(running) - _MOST_RUNNING} more run" if len(running) > _MOST_RUNNING else ""
        count = "1 result" if self._count == 1 else f"{self._count} results"
        return Group(*rows, Text(f"{count}{more}, following; Ctrl-C ends", style="dim"))

    def _running_line(self, told: Progress) -> str:
        filled = round(told.fraction * 12)
        what = f"{told.fraction:4.0%} {printable(told.message)}"
        return self._columns.line(
            "", "RUNNING", printable(told.task_id), "━" * filled + "╌" * (12 - filled), what
        )
