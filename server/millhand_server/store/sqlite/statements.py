"""The SQL of this store by name: the blocks of the .sql files beside this module."""

from __future__ import annotations

from importlib.resources import files

_MARK = "-- name:"


def statement(name: str) -> str:
    """Returns the block of this name.

    Raises:
        KeyError: there is none.
    """
    return _BLOCKS[name].replace("{row}", _BLOCKS["row"])


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
