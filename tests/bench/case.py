"""What a case is: arms that take turns, and figures drawn from them, with the bars they are held to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

#: What one window of one arm showed, by metric: rate, server_us, p50_ms, bytes and so on.
Measured = Mapping[str, float]


@dataclass(frozen=True)
class Bar:
    """A bound that must hold, from below or from above, and the goal beyond it if there is one."""

    value: float
    goal: float | None = None
    at_most: bool = False

    def verdict(self, figure: float) -> str:
        """Returns `goal`, `met` or `MISSED`."""
        if self.goal is not None and self._holds(figure, self.goal):
            return "goal"
        return "met" if self._holds(figure, self.value) else "MISSED"

    def score(self, figure: float) -> float:
        """Returns how many times better than the bar a figure is; below 1 it is missed."""
        return self.value / figure if self.at_most else figure / self.value

    def __str__(self) -> str:
        return f"{'<=' if self.at_most else '>='} {self.value:g}"

    def _holds(self, figure: float, bound: float) -> bool:
        return figure <= bound if self.at_most else figure >= bound


@dataclass(frozen=True)
class Figure:
    """A metric of an arm, without that of a second (`less`) and divided by that of a third (`over`)."""

    name: str
    arm: str
    metric: str
    less: str = ""
    over: str = ""
    bar: Bar | None = None


@dataclass(frozen=True)
class Prepared:
    """A case whose processes run.

    `per` is what a rate and a cost are of; `rounds` caps costly ones. `notes` are sentences that a reader
    needs to judge the figures, `versions` those of what is compared with.
    """

    title: str
    per: str
    arms: Mapping[str, Callable[[], Measured]]
    figures: Sequence[Figure]
    rounds: int | None = None
    notes: Sequence[str] = ()
    versions: Mapping[str, str] = field(default_factory=dict)


class LeftOut(Exception):
    """A case cannot be measured here. The text says why, and what to do about it."""


@dataclass(frozen=True)
class Scale:
    """How much is measured. `window_s` is the length of a turn; `scratch` the folder of databases."""

    rounds: int
    window_s: float
    queued: int
    deep: int
    scratch: Path


#: Starts what a case needs, and ends it when the block is left.
Case = Callable[[Scale], AbstractContextManager[Prepared]]
Preparing = Iterator[Prepared]
