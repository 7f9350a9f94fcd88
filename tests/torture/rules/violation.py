"""What a rule finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.torture.story import Story


@dataclass(frozen=True)
class Violation:
    """A broken promise. `at` is when the run could have been seen to be red."""

    rule: str
    at: float
    subject: str
    sentence: str


Rule = Callable[[Story], Iterator[Violation]]
