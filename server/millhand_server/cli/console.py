"""Whether somebody looks, and whether rich may draw for them."""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def rich_console(*, stderr: bool = False) -> Console | None:
    """Returns rich's console on a terminal; None without rich, in a pipe, and on one that only scrolls."""
    if not is_terminal(sys.stderr if stderr else sys.stdout):
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console(stderr=stderr, highlight=False)


def is_terminal(stream: IO[str]) -> bool:
    """Whether what is written there can be written over."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"
