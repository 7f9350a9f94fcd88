"""A case, measured: summaries of its arms and the figures drawn from them, each with its verdict."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from tests.bench.case import Figure, Measured, Prepared
from tests.bench.rounds import Summary, summarise, values_of

#: A client in Python that takes so much of a core may be what limits a rate.
_BUSY_CORES = 0.9


@dataclass(frozen=True)
class Row:
    """A figure as it came out."""

    figure: Figure
    summary: Summary
    rounds: Sequence[float]

    @property
    def verdict(self) -> str:
        return self.figure.bar.verdict(self.summary.median) if self.figure.bar else ""


class CaseResult:
    """One case, measured. `others_cores`: how much CPU other programs took meanwhile, in cores."""

    def __init__(
        self,
        name: str,
        prepared: Prepared,
        kept: Mapping[str, Sequence[Measured]],
        chance: random.Random,
        *,
        seconds: float,
        others_cores: float,
    ) -> None:
        self.name = name
        self.prepared = prepared
        self.kept = kept
        self.seconds = seconds
        self.others_cores = others_cores
        self.rounds = len(next(iter(kept.values())))
        self.arms = {
            arm: {metric: summarise([one[metric] for one in rounds], chance) for metric in rounds[0]}
            for arm, rounds in kept.items()
        }
        self.rows = [self._row(figure, chance) for figure in prepared.figures]

    def notes(self) -> list[str]:
        """Returns what a reader must know to judge the figures, in sentences."""
        notes = [*self.prepared.notes, f"Other programs took {self.others_cores:.1f} cores meanwhile."]
        clients = {arm: one["client_cores"].median for arm, one in self.arms.items() if "client_cores" in one}
        if clients:
            most = max(clients, key=clients.__getitem__)
            notes.append(f"The client took at most {clients[most]:.2f} of a core ({most}).")
        bound = [
            arm
            for arm, cores in clients.items()
            if cores > _BUSY_CORES and cores > self.arms[arm]["server_cores"].median
        ]
        if bound:
            notes.append(f"LIMITED BY THE CLIENT, compare server CPU instead: {', '.join(bound)}.")
        return notes

    def as_data(self) -> dict[str, object]:
        """Returns all of it, every round included, for JSON."""
        return {
            "title": self.prepared.title,
            "seconds": round(self.seconds, 1),
            "notes": self.notes(),
            "versions": dict(self.prepared.versions),
            "arms": {
                arm: {metric: asdict(summary) for metric, summary in metrics.items()}
                for arm, metrics in self.arms.items()
            },
            "rounds": {arm: [dict(one) for one in rounds] for arm, rounds in self.kept.items()},
            "figures": [
                asdict(row.figure) | asdict(row.summary) | {"rounds": row.rounds, "verdict": row.verdict}
                for row in self.rows
            ],
        }

    def _row(self, figure: Figure, chance: random.Random) -> Row:
        values = values_of(figure, self.kept)
        return Row(figure, summarise(values, chance), values)


def short(value: float) -> str:
    """Returns a number as people want it: three digits or so."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
