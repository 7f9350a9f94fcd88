"""How many tasks a second go through one connection of each client: `make bench-clients`.

The server and a program share the processors, so that the figures tell the clients apart on one machine and
say little else. Each language has a turn in every round; the median over the rounds counts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

from tests.conformance.certificates import Certificates
from tests.conformance.programs import LANGUAGES, Language, Program
from tests.conformance.servers import Running, running
from tests.conformance.wire import conformance_pb2 as wire

#: What is measured: tasks in a message (0: ExecuteTask), and how many are under way at once.
_SHAPES = {
    "ExecuteTask, 1 at a time": (0, 1),
    "ExecuteTask, 64 at once": (0, 64),
    "Session, batches of 100": (100, 1000),
}


def main() -> None:
    """Measures all clients that are built, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="how long a turn takes")
    options = parser.parse_args()
    languages = [language for language in LANGUAGES if language.is_built]
    rates: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(options.rounds):
        for language in languages:
            for shape, rate in _turn(language, options.seconds).items():
                rates[language.name, shape].append(rate)
    table = _table(languages, {cell: median(found) for cell, found in rates.items()})
    sys.stdout.write("\n".join(table) + "\n")


def _turn(language: Language, seconds: int) -> dict[str, float]:
    """Measures one language on a server of its own."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with running("shared", home, Certificates(home)) as server:
            program = Program(language)
            try:
                return {shape: _rate(program, server, shape, seconds) for shape in _SHAPES}
            finally:
                program.end()


def _rate(program: Program, server: Running, shape: str, seconds: int) -> float:
    batch, in_flight = _SHAPES[shape]
    case = wire.Case(name=shape, connection=server.direct_connection())
    load = case.steps.add(name="load").load
    load.batch, load.in_flight, load.duration.seconds = batch, in_flight, seconds
    [shown] = program.play(case, at_pause=lambda _: None)["load"]
    return int(shown["rate"]["tasks"]) / float(shown["rate"]["seconds"])


def _table(languages: list[Language], rates: dict[tuple[str, str], float]) -> list[str]:
    names = [language.name for language in languages]
    return [
        "| tasks a second | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
        *(
            f"| {shape} | " + " | ".join(f"{rates[name, shape]:,.0f}" for name in names) + " |"
            for shape in _SHAPES
        ),
    ]


if __name__ == "__main__":
    main()
