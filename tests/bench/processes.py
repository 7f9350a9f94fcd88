"""Processes that are measured or that make load: how they start, are spoken to and end; what they cost."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

#: Long enough to queue a million tasks on a slow machine.
_PATIENCE_S = 600.0

#: A server's `--store` that forgets everything at its end.
MEMORY = "memory:"

#: How long a process may take to end by itself, with a database to close.
_ENDING_S = 60.0

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Child(AbstractContextManager["Child"]):
    """`python -m module`, which says where it is by a first line; leaving the block kills it."""

    def __init__(self, module: str, *arguments: str, python: str | Path = sys.executable, **env: str) -> None:
        # A file takes whatever is logged, as fast as it comes, and is read when the process is in trouble.
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [str(python), "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment() | env,
        )
        self.pid = self._process.pid
        try:
            self.first_line = self._read_line()
        except BaseException:
            self.__exit__()
            raise

    @property
    def address(self) -> str:
        """What its first line ends with."""
        return self.first_line.split()[-1]

    def ask(self, **command: Any) -> Any:
        """Sends a line of JSON and waits for the line that answers it.

        Raises:
            ChildFailed: the process has ended.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._read_line())

    def stop(self) -> None:
        """Asks the process to end, and waits for that.

        Raises:
            ChildFailed: it does not end, or not well.
        """
        self._process.terminate()
        try:
            status = self._process.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            status = None
        if status != 0:
            raise ChildFailed(f"{self._process.args!r} ended with {status}\n{last_words(self._log)}")

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            assert stream is not None
            stream.close()

    def _read_line(self) -> str:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            line = self._process.stdout.readline() if selector.select(_PATIENCE_S) else ""
        if not line:
            raise ChildFailed(f"{self._process.args!r} said nothing\n{last_words(self._log)}")
        return line


class ChildFailed(Exception):
    """A process that takes part has ended or hangs. The text ends with what it logged."""


def start_server(store: str, *arguments: str) -> Child:
    """Starts `millhand serve` as anybody would: default chain, default log, on a free port.

    It keeps 100,000 results and not a million, so that from the second window on it also pays for pruning.
    """
    return Child(
        "millhand_server",
        *("serve", "--port", "0", "--store", store, "--retention-count", "100000", *arguments),
    )


def start_echo() -> Child:
    """Starts the bare server that calls are compared with."""
    return Child("tests.bench.echo")


def start_load() -> Child:
    """Starts a client process, which makes load when asked (`tests.bench.load`)."""
    return Child("tests.bench.load")


def start_embedded() -> Child:
    """Starts a program that embeds Millhand and obeys as a client process does."""
    return Child("tests.bench.embedded")


def start_bare_store(database: Path) -> Child:
    """Starts a program that has Millhand's SQLite store open, and obeys as a client process does."""
    return Child("tests.bench.bare_store", str(database))


def environment() -> dict[str, str]:
    """Returns the environment of the processes that take part: nothing in it configures Millhand."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MILLHAND_")}


def last_words(log: IO[str]) -> str:
    """Returns the end of what a process logged."""
    log.seek(0)
    return log.read()[-4_000:]


def tree_cpu_s(pid: int) -> float:
    """Returns the CPU time of a process and of all that descend from it, those that have ended included.

    One that has ended counts from the moment at which its parent knows.
    """
    fields = _stat(pid)
    children = {
        int(child)
        for thread in Path(f"/proc/{pid}/task").iterdir()
        for child in (thread / "children").read_text().split()
    }
    own_and_ended = sum(map(int, fields[11:15])) / _TICKS
    return own_and_ended + sum(map(tree_cpu_s, children))


def cpu_s(pid: int) -> float:
    """Returns the CPU time that a process has taken, in user and system mode, all threads. Ticks of 10 ms."""
    return sum(map(int, _stat(pid)[11:13])) / _TICKS


def resident_bytes(pid: int) -> int:
    """Returns the memory that a process has in RAM."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES


def most_resident_bytes(pid: int) -> int:
    """Returns the most memory that a process has had in RAM so far."""
    [line] = (one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def _stat(pid: int) -> list[str]:
    """Returns the fields of /proc/PID/stat that follow the program's name: the third is the first."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
