"""Latencies summed up: percentiles, a table for people, JSON for whoever keeps them."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figures:
    """How long things took, in milliseconds; percentiles are values that were measured (nearest rank)."""

    count: int
    p50_ms: float
    p99_ms: float
    max_ms: float


def figures(seconds: Sequence[float]) -> Figures:
    """Sums up at least one measurement."""
    ordered = sorted(seconds)

    def percentile(part: float) -> float:
        return round(ordered[math.ceil(part * len(ordered)) - 1] * 1_000, 3)

    return Figures(len(ordered), percentile(0.5), percentile(0.99), percentile(1))


def report(title: str, rows: Mapping[str, Figures]) -> None:
    """Prints the table on standard error and the same as one line of JSON on standard output."""
    width = max(map(len, rows))
    lines = [title, f"{'':{width}}  {'count':>7}  {'p50 ms':>9}  {'p99 ms':>9}  {'max ms':>9}"]
    lines += [
        f"{name:{width}}  {row.count:7}  {row.p50_ms:9.3f}  {row.p99_ms:9.3f}  {row.max_ms:9.3f}"
        for name, row in rows.items()
    ]
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stdout.write(json.dumps({title: {name: asdict(row) for name, row in rows.items()}}) + "\n")
