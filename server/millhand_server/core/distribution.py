"""Histograms' numbers, without a library: how often a quantity fell into each of some ranges."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence


class Distribution:
    """Counts by ranges of one's choice. Not for several threads.

    `bounds` are the ranges' upper ends, ascending, which belong to them. `total` is the sum of the values.
    """

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total: float = 0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def count(self) -> int:
        """Returns how many values were observed."""
        return sum(self._counts)

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """Iterates over upper ends, infinity the last, with how many values are not beyond each."""
        return _cumulative((*self._bounds, float("inf")), self._counts)


class DoublingDistribution:
    """Counts of whole numbers by ranges that double: cheaper, where every task is counted.

    The upper ends are the powers of two from `2**lowest` to `2**highest`; they do not belong to their range.
    Negative numbers count as 0.
    """

    __slots__ = ("_counts", "_highest", "_lowest", "total")

    def __init__(self, lowest: int, highest: int) -> None:
        self._lowest = lowest
        self._highest = highest
        #: By length in bits: the one place that a value is looked up by costs less than a search.
        self._counts = [0] * 64
        self.total = 0

    def observe(self, value: int) -> None:
        if value < 0:
            value = 0
        self._counts[value.bit_length()] += 1
        self.total += value

    def count(self) -> int:
        """Returns how many values were observed."""
        return sum(self._counts)

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """As of `Distribution`."""
        low, high = self._lowest, self._highest
        ends = [float(2**power) for power in range(low, high + 1)]
        counts = [
            sum(self._counts[: low + 1]),
            *self._counts[low + 1 : high + 1],
            sum(self._counts[high + 1 :]),
        ]
        return _cumulative((*ends, float("inf")), counts)


def _cumulative(ends: Sequence[float], counts: Sequence[int]) -> Iterator[tuple[float, int]]:
    total = 0
    for end, count in zip(ends, counts, strict=True):
        total += count
        yield end, total
