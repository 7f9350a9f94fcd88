"""How a value does not fit a type: places and sentences, never the value itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Fault(NamedTuple):
    """A place below the value (`.width`, `[3].name`; empty for itself), and what is wrong there.

    The description continues a sentence that begins with the place.
    """

    path: str
    description: str


class Mismatch(ValueError):
    """A value does not fit; there is at least one fault.

    A ValueError, because msgspec adds the place where a conversion of ours failed to those alone.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("the value does not fit")
        self.faults = tuple(faults)


def refused_by(error: Exception) -> str:
    """Returns what to say when a type's own code refuses a value: its text may quote the value."""
    return f"is refused by the handler's type ({type(error).__name__})"
