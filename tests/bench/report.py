"""What people and programs get to see: tables on the terminal, a JSON file, a plot."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tests.bench.figures import CaseResult, Row, short
from tests.bench.machine import describe_machine, load_average
from tests.bench.plot import draw
from tests.bench.scratch import Filesystem

#: Where files are written.
FOLDER = Path("build/bench")

#: Columns of the table of arms: metric, heading (with what the rate is of), format.
_COLUMNS = (
    ("rate", "{}s/s", "{:,.0f}"),
    ("server_us", "server CPU µs/{}", "{:,.1f}"),
    ("p50_ms", "p50 ms", "{:,.2f}"),
    ("p99_ms", "p99 ms", "{:,.2f}"),
    ("stop_p50_ms", "p50 ms to end of code", "{:,.2f}"),
    ("stop_p99_ms", "p99 ms to end of code", "{:,.2f}"),
    ("all_us", "CPU µs/{}, all processes", "{:,.1f}"),
    ("seconds", "s", "{:,.2f}"),
    ("megabytes", "MB", "{:,.0f}"),
    ("server_cores", "server cores", "{:.2f}"),
    ("client_cores", "client cores", "{:.2f}"),
    ("bytes", "bytes/{}", "{:,.0f}"),
)

#: Columns that stand only where a figure is made of them.
_ONLY_IN_FIGURES = {"all_us"}

_STYLES = {"goal": "green", "met": "green", "MISSED": "bold red", "": ""}


class Report:
    """Everything of one run. Tables are printed as cases end, files are written when all have."""

    def __init__(self, arguments: Mapping[str, object], databases: Filesystem) -> None:
        self._arguments = arguments
        self._databases = databases
        self._console = Console() if Console().is_terminal else Console(width=120)
        self._status = Console(stderr=True)
        self._results: list[CaseResult] = []
        self._left_out: dict[str, str] = {}
        self._began = time.time()
        self._load_before = load_average()
        if not databases.is_disk:
            self._warn(
                f"Databases lie on {databases.kind}, in memory: nothing here says what durability costs."
            )

    @contextmanager
    def progress(self, name: str) -> Iterator[Callable[[str], None]]:
        """Shows how far a case is, on standard error: in one line on a terminal, else by its name alone."""
        with self._status.status(f"{name}: starting") as status:
            if not self._status.is_terminal:
                self._status.print(f"{name} ...")
            yield lambda where: status.update(f"{name}: {where}")

    def add(self, result: CaseResult) -> None:
        """Prints a case."""
        self._results.append(result)
        rounds = "1 round" if result.rounds == 1 else f"{result.rounds} rounds"
        self._heading(f"{result.prepared.title}: medians of {rounds}, {result.seconds:.0f} s in all")
        self._console.print(_table_of_arms(result))
        self._console.print(_table_of_figures(result.rows))
        self._console.print(" ".join(result.notes()))

    def leave_out(self, name: str, reason: str) -> None:
        """Says that a case cannot be measured, now and at the end."""
        self._left_out[name] = reason
        self._warn(f"{name} IS LEFT OUT: {reason}")

    def finish(self) -> None:
        """Prints once more what has a bar, and writes the files."""
        barred = [row for result in self._results for row in result.rows if row.figure.bar]
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / time.strftime("%Y%m%d-%H%M%S.json", time.gmtime(self._began))
        written = [path]
        data = self._as_data()
        path.write_text(json.dumps(data, indent=1) + "\n")
        if barred:
            self._heading("All that has a bar")
            self._console.print(_table_of_figures(barred))
            written.append(path.with_suffix(".svg"))
            written[-1].write_text(draw(barred, _subtitle(data)))
        missed = sum(row.verdict == "MISSED" for row in barred)
        self._console.print(f"{len(barred)} figures have a bar, {missed} MISSED.")
        for name, reason in self._left_out.items():
            self._warn(f"{name} IS LEFT OUT: {reason}")
        self._console.print(f"{data['seconds']} s; written: {', '.join(map(str, written))}", soft_wrap=True)

    def _warn(self, text: str) -> None:
        self._console.print(text, style="bold red", highlight=False, markup=False)

    def _heading(self, text: str) -> None:
        self._console.print(f"\n[bold]{text}[/bold]", highlight=False)

    def _as_data(self) -> dict[str, object]:
        return {
            "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._began)),
            "seconds": round(time.time() - self._began, 1),
            "arguments": dict(self._arguments),
            "machine": describe_machine(),
            "databases_on": asdict(self._databases),
            "left_out": self._left_out,
            "load_average": {"before": self._load_before, "after": load_average()},
            "cases": {result.name: result.as_data() for result in self._results},
        }


def _table_of_arms(result: CaseResult) -> Table:
    table = Table()
    metrics = {metric for arm in result.arms.values() for metric in arm}
    metrics -= _ONLY_IN_FIGURES - {figure.metric for figure in result.prepared.figures}
    present = [one for one in _COLUMNS if one[0] in metrics]
    table.add_column("arm")
    for _, heading, _ in present:
        table.add_column(heading.format(result.prepared.per), justify="right")
    for name, arm in result.arms.items():
        cells = [form.format(arm[metric].median) if metric in arm else "" for metric, _, form in present]
        table.add_row(name, *cells)
    return table


def _table_of_figures(rows: Sequence[Row]) -> Table:
    """Returns each figure beside its bar and its goal."""
    table = Table()
    table.add_column("figure")
    for heading in ("median", "95 % interval", "bar", "goal"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for row in rows:
        bar, came = row.figure.bar, row.summary
        table.add_row(
            row.figure.name,
            short(came.median),
            f"{short(came.low)} - {short(came.high)}" if len(row.rounds) > 1 else "",
            str(bar or ""),
            "" if bar is None or bar.goal is None else f"{bar.goal:g}",
            row.verdict,
            style=_STYLES[row.verdict],
        )
    return table


def _subtitle(data: Mapping[str, object]) -> str:
    machine = data["machine"]
    assert isinstance(machine, dict)
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    return f"{data['began']}, {machine['cpus']} CPUs, Python {machine['python']}, {packages}"
