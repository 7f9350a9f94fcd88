"""Standard input, output and error, in whatever state the process was given them."""

from __future__ import annotations

import os
import sys


def fill_gaps() -> None:
    """Opens the null device on those that are closed.

    Else the next file or connection would be one of them, and get what was meant for people.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest that is free is this one.
            os.open(os.devnull, os.O_RDWR)


def say(line: str) -> None:
    """Writes a line to standard output.

    Raises:
        OSError: it cannot be written; nothing tries again when the process ends.
    """
    if sys.stdout is None:
        raise OSError("it is closed")
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except OSError:
        # Python tries once more at its end, and complains in its own way.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise
