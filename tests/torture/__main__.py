"""`make torture`: keeps a server and its clients busy, lets a nemesis at them, and judges what became of it.

Exit status 0: every promise was kept; 1: some was not; 2: the run could not be made.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.torture.checker import check
from tests.torture.disk import Disk
from tests.torture.ending import come_to_rest
from tests.torture.histories import History, Tally, read_all
from tests.torture.nemesis import CLIENT_ACTS, SERVER_ACTS, Nemesis
from tests.torture.processes import Role
from tests.torture.report import Report
from tests.torture.restore import restore_a_backup
from tests.torture.server import ServerKeeper, store_arguments
from tests.torture.story import Story

from millhand.errors import MillhandError

_FOLDER = Path("build/torture")

_WRITERS = ("calls-0", "session-0")
_READERS = ("reader-0", "reader-1", "cancelled-0")

#: All that may happen. `restore` comes last, once.
_ACTS = [*SERVER_ACTS, *CLIENT_ACTS, "restore"]

_PATIENCE_S = 30.0
_PROGRESS_S = 5.0


def main() -> None:
    """Runs, checks and reports."""
    arguments = _arguments()
    # So that everything that was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    folder = _FOLDER / time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    report = Report(folder, vars(arguments))
    try:
        run(arguments, folder, report)
    except (RunFailed, OSError, subprocess.CalledProcessError) as failure:
        report.say(f"the run could not be made: {failure}")
        sys.exit(2)
    story = Story(read_all(folder / "histories"))
    sys.exit(0 if report.finish(story, check(story)) else 1)


class RunFailed(Exception):
    """Something of the torture's own is broken, and says nothing about the server."""


def run(arguments: argparse.Namespace, folder: Path, report: Report) -> None:
    """Makes the histories of one run."""
    histories, logs = folder / "histories", folder / "logs"
    histories.mkdir(parents=True)
    logs.mkdir()
    with ExitStack() as opened:
        disk = Disk(folder / "disk")
        opened.callback(disk.close)
        acts = _possible(arguments.only, arguments.store, disk, report)
        server = ServerKeeper(store_arguments(arguments.store, disk.database), histories, logs)
        opened.callback(server.end)
        server.start(_PATIENCE_S)

        def roles(module: str, names: Sequence[str]) -> list[Role]:
            started = []
            for name in names:
                role = Role(module, name, server.address, arguments.seed, histories, logs)
                opened.callback(role.kill)
                started.append(role)
            return started

        readers = roles("tests.torture.readers", _READERS)
        writers = roles("tests.torture.generators", _WRITERS)
        nemesis = Nemesis(
            server,
            disk,
            {"readers": readers, "writers": writers},
            acts,
            arguments.kills,
            arguments.seed,
            History(histories / "nemesis.jsonl"),
            report.say,
        )
        nemesis.start()
        _watch(nemesis, Tally(histories), arguments.seconds, report)
        nemesis.stop()
        if failed := [role.name for role in (*readers, *writers) if role.has_failed]:
            raise RunFailed(f"{', '.join(failed)} ended too early; see {logs}")
        report.say("the nemesis rests")
        if server.wait_ready(_PATIENCE_S):
            try:
                come_to_rest(server.address, writers, readers, histories, report.say)
                if "restore" in acts:
                    restore_a_backup(server, disk.database, History(histories / "restore.jsonl"), report.say)
            except MillhandError as failure:
                # The checker misses what should have been written down.
                report.say(f"the server does not do its work in the end: {failure}")


def _watch(nemesis: Nemesis, tally: Tally, seconds: float | None, report: Report) -> None:
    """Waits until the nemesis is done or time is over, and says how far everything is."""
    began = time.monotonic()
    while not nemesis.over.wait(_PROGRESS_S if seconds is None else min(_PROGRESS_S, seconds)):
        counts = tally.counts()
        report.say(
            f"{counts['acknowledged']} acknowledgements, {counts['started']} starts, {nemesis.kills} kills"
        )
        if seconds is not None and time.monotonic() - began >= seconds:
            return


def _possible(wanted: Sequence[str], store: str, disk: Disk, report: Report) -> list[str]:
    """Leaves out what this machine does not allow, and says so."""
    needs_disk = {"full", "readonly"}
    if store != "sqlite":
        wanted = [act for act in wanted if act not in {*needs_disk, "second", "restore"}]
    if disk.lacks and needs_disk & set(wanted):
        report.say(f"without {' and '.join(sorted(needs_disk & set(wanted)))}: {disk.lacks}")
        return [act for act in wanted if act not in needs_disk]
    return list(wanted)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument(
        "--store", default="sqlite", help="sqlite (a file of the run's own), or a store's URL"
    )
    parser.add_argument("--kills", type=int, default=300, help="how often the server is killed")
    parser.add_argument("--seconds", type=float, help="the longest time; unset: until the kills are done")
    parser.add_argument("--seed", type=int, default=1, help="decides what happens to whom")
    parser.add_argument(
        "--only", type=_names, default=_ACTS, help=f"what may happen: some of {','.join(_ACTS)}"
    )
    arguments = parser.parse_args()
    if arguments.seconds is None and "kill" not in arguments.only:
        parser.error("without kills, say --seconds")
    return arguments


def _names(text: str) -> list[str]:
    names = text.split(",")
    if strange := set(names) - {*_ACTS}:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(strange))}")
    return names


if __name__ == "__main__":
    main()
