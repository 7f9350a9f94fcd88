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
from typing import Any

#: Long enough to queue a million tasks on a slow machine.
_PATIENCE_S = 600.0

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Child(AbstractContextManager["Child"]):
    """`python -m module`, which says where it is by a first line; leaving the block kills it."""

    def __init__(self, module: str, *arguments: str) -> None:
        # A file takes whatever is logged, as fast as it comes, and is read when the process is in trouble.
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("MILLHAND_")},
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
            self._log.seek(0)
            raise ChildFailed(f"{self._process.args!r} said nothing\n{self._log.read()[-4_000:]}")
        return line


class ChildFailed(Exception):
    """A process that takes part has ended or hangs. The text ends with what it logged."""


def start_server(*arguments: str) -> Child:
    """Starts `millhand serve` as anybody would: default chain, default log, on a free port.

    It keeps 100,000 results and not a million, so that from the second window on it also pays for pruning.
    """
    return Child(
        "millhand_server",
        *("serve", "--port", "0", "--store", "memory:", "--retention-count", "100000", *arguments),
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


def cpu_s(pid: int) -> float:
    """Returns the CPU time that a process has taken, in user and system mode, all threads. Ticks of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_bytes(pid: int) -> int:
    """Returns the memory that a process has in RAM."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
