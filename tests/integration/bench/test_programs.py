"""The processes of the bench: what they cost with all that descends from them, and that none is left."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.bench.processes import ChildFailed, cpu_s, tree_cpu_s
from tests.bench.programs import Program

#: What each process of the family burns, and how wrong the kernel's ticks may be about all of them.
BURNT_S, WRONG_S = 0.1, 0.03

_FAMILY = f"""
import subprocess, sys, time
burn = "import time\\nwhile time.process_time() < {BURNT_S}: pass\\n"
subprocess.run([sys.executable, "-S", "-c", burn])
living = subprocess.Popen(
    [sys.executable, "-S", "-c", burn + "print(flush=True); input()"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
)
living.stdout.readline()
exec(burn)
print(flush=True)
input()
living.communicate(b"\\n")
"""

#: A shell whose child takes no notice of being asked to end, and has the pipe open while it lives.
_STUBBORN = 'sh -c \'trap "" TERM; exec > "$0"; echo there; while :; do sleep 600; done\' "$0" & wait'


@pytest.fixture
def family() -> Iterator[subprocess.Popen[bytes]]:
    """Returns a process that, like a child that has ended and one that has not, has burnt BURNT_S."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", _FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.communicate(b"\n")


def test_the_cpu_of_a_process_has_that_of_all_that_descend_from_it(
    family: subprocess.Popen[bytes],
) -> None:
    alone, together = cpu_s(family.pid), tree_cpu_s(family.pid)

    assert together - alone >= 2 * BURNT_S - WRONG_S
    assert alone >= BURNT_S - WRONG_S


def test_what_a_program_has_started_ends_with_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with Program(["sh", "-c", _STUBBORN, str(pipe)], folder=tmp_path, env={}):
        reader = pipe.open()
        assert reader.readline() == "there\n"

    with reader:
        assert reader.read() == ""


def test_a_program_that_has_ended_by_itself_is_noticed_with_its_last_words(tmp_path: Path) -> None:
    with Program(["sh", "-c", "echo no more; exit 3"], folder=tmp_path, env={}) as program:
        # Left to be waited for by its parent.
        os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)

        with pytest.raises(ChildFailed, match="ended with 3\nno more"):
            program.check()
