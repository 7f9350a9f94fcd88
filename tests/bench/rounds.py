"""Runs the arms of a case in interleaved rounds, and sums the rounds up."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.case import Figure, Measured, Prepared

_RESAMPLES = 2_000


@dataclass(frozen=True)
class Summary:
    """A median over rounds, with the 95 % bootstrap interval of that median."""

    median: float
    low: float
    high: float


def run_rounds(
    prepared: Prepared, rounds: int, chance: random.Random, progress: Callable[[str], None]
) -> dict[str, list[Measured]]:
    """Lets every arm have a turn in every round, in an order that is drawn anew, after one that is not kept.

    What is compared is therefore of the same seconds: a slow minute of the machine falls on all arms.
    """
    kept: dict[str, list[Measured]] = {arm: [] for arm in prepared.arms}
    # The first turns connect, warm caches and grow the heap. Cases that cap their rounds start anew in each.
    for number in range(0 if prepared.rounds is None else 1, rounds + 1):
        for arm in chance.sample(list(prepared.arms), len(prepared.arms)):
            progress(f"round {number} of {rounds}: {arm}")
            measured = prepared.arms[arm]()
            if number:
                kept[arm].append(measured)
    return kept


def summarise(values: Sequence[float], chance: random.Random) -> Summary:
    """Sums up at least one value."""
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(_RESAMPLES))
    return Summary(
        statistics.median(values), medians[int(0.025 * _RESAMPLES)], medians[int(0.975 * _RESAMPLES) - 1]
    )


def values_of(figure: Figure, kept: Mapping[str, Sequence[Measured]]) -> list[float]:
    """Returns the figure of each round."""
    values = [measured[figure.metric] for measured in kept[figure.arm]]
    if figure.less:
        values = [one - other[figure.metric] for one, other in zip(values, kept[figure.less], strict=True)]
    if figure.over:
        values = [one / other[figure.metric] for one, other in zip(values, kept[figure.over], strict=True)]
    return values
