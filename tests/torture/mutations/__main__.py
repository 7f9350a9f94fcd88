"""`python -m tests.torture.mutations`: breaks a copy of the server, one promise at a time, and tortures it.

Says for each how soon the torture went red, and by which rules. Exit status 1 if one stayed green.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.torture.mutations.list import MUTATIONS, Mutation

_ROOT = Path(__file__).resolve().parents[3]
_SOURCES = ("server", "clients/python", "tests")

_PATIENCE_S = 300.0


def main() -> None:
    """Runs them all, or those that are named."""
    arguments = _arguments()
    stayed_green = []
    for mutation in MUTATIONS:
        if mutation.name in arguments.only:
            _say(f"{mutation.name}: {mutation.breaks}")
            tree = Path(tempfile.mkdtemp(prefix=f"millhand-{mutation.name}-"))
            try:
                summary = _torture(mutation, tree, arguments.seconds, arguments.seed)
            finally:
                if arguments.keep:
                    _say(f"  {tree}")
                else:
                    shutil.rmtree(tree)
            _say(f"  {_verdict(summary)}")
            if not summary["violations"]:
                stayed_green.append(mutation.name)
    _say(f"stayed green: {', '.join(stayed_green)}" if stayed_green else "every one went red")
    sys.exit(1 if stayed_green else 0)


def _torture(mutation: Mutation, tree: Path, seconds: float, seed: int) -> dict[str, Any]:
    """Returns the summary of a run of a broken copy, made at `tree`.

    Raises:
        RuntimeError: there was no run; what it said is in the text.
    """
    for source in _SOURCES:
        shutil.copytree(_ROOT / source, tree / source, ignore=shutil.ignore_patterns("__pycache__"))
    for change in mutation.changes:
        change.apply(tree)
    only = [f"--only={mutation.only}"] if mutation.only else []
    said = subprocess.run(
        [sys.executable, "-m", "tests.torture", f"--seconds={seconds}", f"--seed={seed}", *only],
        cwd=tree,
        # The copy goes before the packages that are installed in this environment.
        env=os.environ | {"PYTHONPATH": ":".join(str(tree / source) for source in (*_SOURCES[:2], "."))},
        capture_output=True,
        text=True,
        timeout=seconds + _PATIENCE_S,
    )
    summaries = list((tree / "build/torture").glob("*/summary.json"))
    if not summaries:
        raise RuntimeError(f"{mutation.name}: no run\n{said.stdout[-2000:]}{said.stderr[-2000:]}")
    summary: dict[str, Any] = json.loads(summaries[0].read_text())
    return summary


def _verdict(summary: dict[str, Any]) -> str:
    violations = summary["violations"]
    if not violations:
        return "GREEN: nothing was seen of it"
    rules = ", ".join(f"{rule} {count}" for rule, count in summary["figures"]["violations"].items())
    first = violations[0]
    return f"RED after {first['at']:.1f} s: {first['subject']} {first['sentence']}\n  {rules}"


def _arguments() -> argparse.Namespace:
    names = [mutation.name for mutation in MUTATIONS]
    parser = argparse.ArgumentParser(prog="python -m tests.torture.mutations", description=__doc__)
    parser.add_argument("--only", type=_names, default=names, help=f"some of {','.join(names)}")
    parser.add_argument("--seconds", type=float, default=45.0, help="how long each is tortured")
    parser.add_argument(
        "--keep", action="store_true", help="leave the copies where they are, with their logs"
    )
    parser.add_argument("--seed", type=int, default=1, help="as for the torture itself")
    return parser.parse_args()


def _names(text: str) -> Sequence[str]:
    return text.split(",")


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
