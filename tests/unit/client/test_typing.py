"""What type checkers know of what the clients return."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.architecture.docs.pages import ROOT

_PROGRAM = """
from typing import Callable
from millhand import AsyncClient, Client, Gap

def told(client: Client, later: AsyncClient, flag: bool, at_gap: Callable[[Gap], None]) -> None:
    reveal_type(client.results(ids=["a"]))
    reveal_type(client.results(include_progress=True))
    reveal_type(client.results(on_gap="yield", include_progress=True))
    reveal_type(client.results(on_gap="raise"))
    reveal_type(client.results(on_gap=at_gap, include_progress=True))
    reveal_type(client.results(on_gap="raise", include_progress=flag))
    reveal_type(client.cancelled(after="0"))
    reveal_type(client.cancelled(on_gap="raise"))
    reveal_type(later.results(on_gap="raise"))
    reveal_type(later.results())
    reveal_type(client.execute_registered("a", result_type=int))

async def awaited(later: AsyncClient) -> None:
    reveal_type(await later.execute_registered("a", result_type=int, timeout=1))
    for result in Client().results(on_gap="raise"):
        print(result.status.name)
"""


@pytest.mark.timeout(150)
def test_records_that_were_not_asked_for_are_not_in_the_type(tmp_path: Path) -> None:
    (tmp_path / "calling.py").write_text(_PROGRAM)

    ended = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file", ""),
            *("--cache-dir", str(ROOT / ".mypy_cache" / "typing"), "calling.py"),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    revealed = [line.partition('"')[2].rstrip('"') for line in ended.stdout.splitlines() if "note:" in line]
    assert [_short(kind) for kind in revealed] == [
        "LogReader[Result | Gap]",
        "LogReader[Result | Gap | Progress]",
        "LogReader[Result | Gap | Progress]",
        "LogReader[Result]",
        "LogReader[Result | Progress]",
        "LogReader[Result | Gap | Progress]",
        "LogReader[CancelledTask | Gap]",
        "LogReader[CancelledTask]",
        "AsyncLogReader[Result]",
        "AsyncLogReader[Result | Gap]",
        "int",
        "int",
    ]
    assert ended.returncode == 0, ended.stdout


def _short(kind: str) -> str:
    for module in ("millhand.protocol.records.", "millhand.aio.reader.", "millhand.reader.", "builtins."):
        kind = kind.replace(module, "")
    return kind
