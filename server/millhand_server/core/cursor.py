"""Cursors: places in the log of results, opaque to callers."""

from __future__ import annotations

import re
from typing import NamedTuple

from millhand_server.core.errors import CursorInvalid

#: The cursor of the oldest retained result, whatever the log.
OLDEST = "0"

_FORM = re.compile(r"([0-9a-f]{16})-(0|[1-9][0-9]{0,18})")


class Cursor(NamedTuple):
    """A place in one log: everything up to and with `position` was seen. Positions start at 1."""

    epoch: str
    position: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.position}"


def parse(text: str) -> Cursor | None:
    """Reads a cursor that a caller sent; None stands for the oldest retained result.

    Raises:
        CursorInvalid: it was not made by this service.
    """
    if text == OLDEST:
        return None
    form = _FORM.fullmatch(text)
    if form is None:
        raise CursorInvalid(
            'not a cursor of this service; send one that it returned, or "0" for the oldest retained result',
            field="after",
        )
    return Cursor(form[1], int(form[2]))
