"""`make bench`: measures what the documents say of speed, against bare servers in the same minutes.

The bars are printed beside the figures. A missed bar does not fail the program: machines differ, and a
shared one lies.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.bench.case import Case, LeftOut, Scale
from tests.bench.cases.batches import batches
from tests.bench.cases.cancelling import cancelling
from tests.bench.cases.depth import depth, durable_depth
from tests.bench.cases.durable_start import durable_start
from tests.bench.cases.durable_store import durable_blocked, durable_cycle
from tests.bench.cases.idle_readers import idle_readers
from tests.bench.cases.in_process import in_process
from tests.bench.cases.memory import memory
from tests.bench.cases.peers import peers
from tests.bench.cases.readers import readers
from tests.bench.cases.session import durable_session, session
from tests.bench.cases.unary import durable_unary, unary
from tests.bench.figures import CaseResult
from tests.bench.machine import OtherPrograms
from tests.bench.report import FOLDER, Report
from tests.bench.rounds import run_rounds
from tests.bench.scratch import filesystem_of, scratch

CASES: dict[str, Case] = {
    "unary": unary,
    "session": session,
    "batches": batches,
    "readers": readers,
    "idle-readers": idle_readers,
    "memory": memory,
    "depth": depth,
    "in-process": in_process,
    "cancelling": cancelling,
    "durable-unary": durable_unary,
    "durable-session": durable_session,
    "durable-depth": durable_depth,
    "durable-cycle": durable_cycle,
    "durable-blocked": durable_blocked,
    "durable-start": durable_start,
    "peers": peers,
}

_FULL = partial(Scale, rounds=12, window_s=0.5, queued=300_000, deep=1_000_000)
_QUICK = partial(Scale, rounds=3, window_s=0.25, queued=20_000, deep=30_000)


def main() -> None:
    """Measures the cases that are asked for, and writes tables, JSON and a plot."""
    arguments = _arguments()
    # So that the processes under way are ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with scratch(arguments.scratch) as folder:
        scale = (_QUICK if arguments.quick else _FULL)(scratch=folder)
        if arguments.rounds:
            scale = replace(scale, rounds=arguments.rounds)
        report = Report(
            {"only": arguments.only, "quick": arguments.quick, "seed": arguments.seed}
            | {"rounds": scale.rounds, "window_s": scale.window_s},
            filesystem_of(folder),
        )
        for name in arguments.only:
            try:
                report.add(_measured(name, scale, arguments.seed, report))
            except LeftOut as reason:
                report.leave_out(name, str(reason))
        report.finish()


def _measured(name: str, scale: Scale, seed: int, report: Report) -> CaseResult:
    # Each case has chance of its own, so that it is the same alone as among others.
    chance = random.Random(f"{seed} {name}")
    began, others = time.monotonic(), OtherPrograms()
    with report.progress(name) as progress, CASES[name](scale) as prepared:
        # What the preparation wrote is on its way to the disk, and would be in the way of commits.
        os.sync()
        rounds = scale.rounds if prepared.rounds is None else min(scale.rounds, prepared.rounds)
        kept = run_rounds(prepared, rounds, chance, progress)
    seconds = time.monotonic() - began
    others_cores = others.cpu_s() / seconds
    return CaseResult(name, prepared, kept, chance, seconds=seconds, others_cores=others_cores)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", type=_names, default=list(CASES), help=f"some of {','.join(CASES)}")
    parser.add_argument("--rounds", type=int, help="rounds of each case, after one to warm up")
    parser.add_argument(
        "--quick", action="store_true", help="few and short rounds, less queued: a first look"
    )
    parser.add_argument(
        "--scratch", type=Path, default=FOLDER, help="where databases lie meanwhile: a folder on a real disk"
    )
    parser.add_argument("--seed", type=int, default=1, help="decides the order of the arms")
    return parser.parse_args()


def _names(text: str) -> Sequence[str]:
    names = text.split(",")
    if strange := set(names) - set(CASES):
        raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(strange))}")
    return names


if __name__ == "__main__":
    main()
