"""A histogram's numbers, without a library: how often a quantity fell into each of some ranges."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


class Distribution:
    """Counts by range. Not for several threads.

    `counts` has one number for each of `bounds` (ascending, upper ends that belong to their range) and one
    for what is beyond them all; `total` is the sum of what was observed.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total: float = 0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def count(self) -> int:
        """Returns how many values were observed."""
        return sum(self.counts)
