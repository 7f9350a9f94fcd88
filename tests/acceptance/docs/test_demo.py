"""`make demo` shows every kind of end, and ends well itself."""

import re
import subprocess
import sys

import pytest
from tests.architecture.docs import pages

#: What the demo promises, with room for a machine that is busy testing.
_PATIENCE_S = 110.0


@pytest.mark.timeout(120)
def test_the_demo_shows_every_kind_of_end_and_stops_its_server() -> None:
    ended = subprocess.run(
        [sys.executable, "examples/demo.py"],
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        cwd=pages.ROOT,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    for line in (
        "COMPLETED  checksum    half a gigabyte .* 536,870,912 bytes",
        "CANCELLED  sleep .* seen enough",
        "FAILED     fail .* NO_PAPER",
        "DEADLINE   sleep .* TASK_TIMEOUT",
        "COMPLETED  fail .* at attempt 3",
        "COMPLETED  word_count  design.md, urgent .* words",
        "1,000 results, and their sum is 499,500",
    ):
        assert re.search(line, ended.stdout), line
    assert ended.stdout.index("design.md, urgent") < ended.stdout.index("clients.md")


def test_there_is_a_target_for_it() -> None:
    assert "\ndemo: " in (pages.ROOT / "Makefile").read_text()
