"""What to show a person who looks on while a command waits: with rich where it is installed, else plainly."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from millhand_server.cli.console import is_terminal, rich_console
from millhand_server.cli.printing import printable

if TYPE_CHECKING:
    from rich.console import Console

#: How often somebody who looks on is shown something new.
LOOK_EVERY_S = 0.25

_ROOM_FOR_ECHO = 3

#: How long a look that is under way may hold up the end: its server may have just gone.
_LAST_LOOK_S = 2.0


class StatusLine(Protocol):
    """One line on standard error that is written over, and gone at the end."""

    def say(self, text: str, fraction: float | None = None) -> None:
        """Shows a text, and how much is done if that is known."""

    def close(self) -> None: ...


@contextmanager
def looking_on(look: Callable[[StatusLine], None]) -> Iterator[None]:
    """Calls `look` again and again in a thread while the block runs, if a person sees standard error."""
    from millhand import MillhandError

    if not is_terminal(sys.stderr):
        yield
        return
    over = threading.Event()
    console = rich_console(stderr=True)
    line: StatusLine = _PlainLine() if console is None else _RichLine(console)

    def keep_looking() -> None:
        while not over.wait(LOOK_EVERY_S):
            try:
                look(line)
            except MillhandError:
                # What the block waits for meets the same fault, and is the one to report it.
                continue

    looker = threading.Thread(target=keep_looking, daemon=True)
    looker.start()
    try:
        yield
    finally:
        over.set()
        looker.join(_LAST_LOOK_S)
        line.close()


class _RichLine:
    def __init__(self, console: Console) -> None:
        # The terminal echoes Ctrl-C as ^C: at the very edge that would begin a new line, out of our reach.
        console.width -= _ROOM_FOR_ECHO
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.table import Column

        self._bar = Progress(
            SpinnerColumn(),
            # Without markup: a handler's message may hold square brackets.
            TextColumn(
                "{task.description}",
                markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
            ),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[share]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            expand=True,
        )
        self._row = self._bar.add_task("", total=None, share="", visible=False)
        self._bar.start()

    def say(self, text: str, fraction: float | None = None) -> None:
        self._bar.update(
            self._row,
            description=printable(text),
            total=None if fraction is None else 1.0,
            completed=fraction or 0.0,
            share="" if fraction is None else f"{fraction:4.0%}",
            visible=True,
        )

    def close(self) -> None:
        self._bar.stop()


class _PlainLine:
    def __init__(self) -> None:
        self._closed = False

    def say(self, text: str, fraction: float | None = None) -> None:
        shown = printable(text) if fraction is None else f"{fraction:4.0%} {printable(text)}"
        self._write(shown[: shutil.get_terminal_size().columns - _ROOM_FOR_ECHO])

    def close(self) -> None:
        self._write("")
        self._closed = True

    def _write(self, text: str) -> None:
        if not self._closed:
            # Back to the first column, and clear to the end of the line.
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
