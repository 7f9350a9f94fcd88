"""The SQL of this store by name: the blocks of the .sql files beside this module."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from itertools import chain
from typing import Any

_MARK = "-- name:"


def statement(name: str) -> str:
    """Returns the block of this name.

    Raises:
        KeyError: there is none.
    """
    return _BLOCKS[name].replace("{row}", _BLOCKS["row"])


class Bulk:
    """A statement with the VALUES of one row, for many rows at once.

    Each call of SQLite gives the interpreter's lock away and has to get it back: one call for many rows takes
    half the time, and a tenth of it while another thread is busy.
    """

    def __init__(self, name: str) -> None:
        head, row, tail = _VALUES.split(statement(name), maxsplit=1)
        self._sqls = [(count, f"{head}{', '.join([row] * count)}{tail}") for count in _ROWS_AT_ONCE]

    def parts(self, rows: Sequence[Sequence[Any]]) -> Iterator[tuple[str, list[Any]]]:
        """Iterates over statements with their parameters, which together are for all rows, in order."""
        start = 0
        for count, sql in self._sqls:
            while len(rows) - start >= count:
                yield sql, list(chain.from_iterable(rows[start : start + count]))
                start += count


_VALUES = re.compile(r"(?<=VALUES )(\([?, ]+\))")

#: Few lengths, so that the statements stay prepared.
_ROWS_AT_ONCE = (128, 64, 32, 24, 16, 14, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1)


def _read_blocks() -> dict[str, str]:
    blocks: dict[str, str] = {}
    for file in sorted((files(__package__) / "sql").iterdir(), key=lambda file: file.name):
        for part in file.read_text("utf-8").split(_MARK)[1:]:
            name, _, text = part.partition("\n")
            if name.strip() in blocks:
                raise ValueError(f"{file.name}: there are two blocks {name.strip()}")
            blocks[name.strip()] = _without_comments(text)
    return blocks


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line and not line.startswith("--"))


_BLOCKS = _read_blocks()
