"""What people and programs get to see: tables on the terminal, a JSON file, a plot."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tests.bench.case import Figure, Measured, Prepared
from tests.bench.machine import describe_machine, load_average
from tests.bench.rounds import Summary, summarise, values_of

_FOLDER = Path("build/bench")

#: Columns of the table of arms: metric, heading (with what the rate is of), format.
_COLUMNS = (
    ("rate", "{}s/s", "{:,.0f}"),
    ("server_us", "server µs/{}", "{:,.1f}"),
    ("p50_ms", "p50 ms", "{:,.2f}"),
    ("p99_ms", "p99 ms", "{:,.2f}"),
    ("stop_p50_ms", "p50 ms to end of code", "{:,.2f}"),
    ("stop_p99_ms", "p99 ms to end of code", "{:,.2f}"),
    ("server_cores", "server cores", "{:.2f}"),
    ("client_cores", "client cores", "{:.2f}"),
    ("bytes", "bytes/{}", "{:,.0f}"),
)

_STYLES = {"goal": "green", "met": "green", "MISSED": "bold red", "": ""}


@dataclass(frozen=True)
class Row:
    """A figure as it came out."""

    figure: Figure
    summary: Summary
    rounds: Sequence[float]

    @property
    def verdict(self) -> str:
        return self.figure.bar.verdict(self.summary.median) if self.figure.bar else ""


class CaseReport:
    """One case, measured."""

    def __init__(
        self,
        name: str,
        prepared: Prepared,
        kept: Mapping[str, Sequence[Measured]],
        chance: random.Random,
        seconds: float,
    ) -> None:
        self.name = name
        self.prepared = prepared
        self.kept = kept
        self.seconds = seconds
        self.arms = {
            arm: {metric: summarise([one[metric] for one in rounds], chance) for metric in rounds[0]}
            for arm, rounds in kept.items()
        }
        self.rows = [self._row(figure, chance) for figure in prepared.figures]

    def _row(self, figure: Figure, chance: random.Random) -> Row:
        values = values_of(figure, self.kept)
        return Row(figure, summarise(values, chance), values)

    def tables(self) -> list[Table]:
        """Returns the arms, and the figures drawn from them."""
        return [self._table_of_arms(), table_of_figures("", self.rows)]

    def _table_of_arms(self) -> Table:
        rounds = len(next(iter(self.kept.values())))
        table = Table(
            title=f"{self.prepared.title}: medians of {rounds} rounds, {self.seconds:.0f} s in all",
            title_justify="left",
        )
        present = [one for one in _COLUMNS if any(one[0] in arm for arm in self.arms.values())]
        table.add_column("")
        for _, heading, _ in present:
            table.add_column(heading.format(self.prepared.per), justify="right")
        for name, arm in self.arms.items():
            cells = [form.format(arm[metric].median) if metric in arm else "" for metric, _, form in present]
            table.add_row(name, *cells)
        return table


def table_of_figures(title: str, rows: Sequence[Row]) -> Table:
    """Returns each figure beside its bar and its goal."""
    table = Table(title=title, title_justify="left")
    table.add_column("figure")
    for heading in ("median", "95 % interval", "bar", "goal"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for row in rows:
        bar, came = row.figure.bar, row.summary
        table.add_row(
            row.figure.name,
            _short(came.median),
            f"{_short(came.low)} - {_short(came.high)}",
            str(bar or ""),
            "" if bar is None or bar.goal is None else f"{bar.goal:g}",
            row.verdict,
            style=_STYLES[row.verdict],
        )
    return table


class Report:
    """Everything of one run. Tables are printed as cases end, files are written when all have."""

    def __init__(self, arguments: Mapping[str, object]) -> None:
        self._arguments = arguments
        self._console = Console(width=None if Console().is_terminal else 120)
        self._status = Console(stderr=True)
        self._cases: list[CaseReport] = []
        self._began = time.time()
        self._load_before = load_average()

    @contextmanager
    def progress(self, name: str) -> Iterator[Callable[[str], None]]:
        """Shows how far a case is, on standard error: in one line on a terminal."""
        with self._status.status(f"{name}: starting") as status:

            def show(where: str) -> None:
                status.update(f"{name}: {where}")

            if not self._status.is_terminal:
                self._status.print(f"{name} ...")
            yield show

    def add(self, case: CaseReport) -> None:
        """Prints a case."""
        self._cases.append(case)
        for table in case.tables():
            self._console.print(table)
        for note in case.prepared.notes:
            self._console.print(note)

    def finish(self) -> None:
        """Prints what has a bar, and writes the files."""
        barred = [row for case in self._cases for row in case.rows if row.figure.bar]
        if barred:
            self._console.print(table_of_figures("What has a bar", barred))
        _FOLDER.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(self._began))
        path = _FOLDER / f"{stamp}.json"
        path.write_text(json.dumps(self._as_data(), indent=1) + "\n")
        self._console.print(f"{time.time() - self._began:.0f} s; written: {path}")

    def _as_data(self) -> dict[str, object]:
        return {
            "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._began)),
            "seconds": round(time.time() - self._began, 1),
            "arguments": dict(self._arguments),
            "machine": describe_machine(),
            "load_average": {"before": self._load_before, "after": load_average()},
            "cases": {case.name: _case_as_data(case) for case in self._cases},
        }


def _case_as_data(case: CaseReport) -> dict[str, object]:
    return {
        "title": case.prepared.title,
        "seconds": round(case.seconds, 1),
        "arms": {
            arm: {metric: asdict(summary) for metric, summary in metrics.items()}
            for arm, metrics in case.arms.items()
        },
        "rounds": {arm: list(map(dict, rounds)) for arm, rounds in case.kept.items()},
        "figures": [
            asdict(row.figure) | asdict(row.summary) | {"rounds": row.rounds, "verdict": row.verdict}
            for row in case.rows
        ],
    }


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 10 else f"{value:.2f}"
