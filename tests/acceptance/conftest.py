"""Real server processes, and the real command line against them."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

#: How long anything here may take before its test fails.
PATIENCE_S = 30.0

_MILLHAND = (sys.executable, "-m", "millhand_server")


class Lines:
    """The lines of a stream, read by a thread so that the process never blocks on a full pipe."""

    def __init__(self, stream: IO[str]) -> None:
        self.seen: list[str] = []
        self._ended = False
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def next(self) -> str | None:
        """Waits for a line; None at the end of the stream."""
        line = None if self._ended else self._queue.get(timeout=PATIENCE_S)
        if line is None:
            self._ended = True
        else:
            self.seen.append(line)
        return line

    def until(self, text: str) -> str:
        """Waits for a line that contains `text`."""
        while (line := self.next()) is not None:
            if text in line:
                return line
        raise AssertionError(f"{text!r} never came; there was: {self.seen}")

    def rest(self) -> str:
        """Waits for the end and returns all that was written."""
        while self.next() is not None:
            pass
        return "".join(self.seen)

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self._queue.put(line)
        self._queue.put(None)


class ServerProcess:
    """`millhand serve` as a process of its own."""

    def __init__(
        self, *arguments: str, cwd: str | Path | None = None, variables: dict[str, str] | None = None
    ) -> None:
        self.process = subprocess.Popen(
            [*_MILLHAND, "serve", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env=_environment(variables or {}),
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.stdout = Lines(self.process.stdout)
        self.stderr = Lines(self.process.stderr)

    @property
    def address(self) -> str:
        """Where it serves; waits for its first line."""
        if not self.stdout.seen:
            line = self.stdout.next()
            assert line is not None, self.stderr.rest()
        return self.stdout.seen[0].split()[-1]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """Waits for the end and returns the exit status."""
        return self.process.wait(PATIENCE_S)


Serve = Callable[..., ServerProcess]
Millhand = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts servers on free ports, each in a directory of its own; all have ended when the test has."""
    started: list[ServerProcess] = []

    def start(*arguments: str, port: str = "0", **options: object) -> ServerProcess:
        home = tmp_path / f"server-{len(started)}"
        home.mkdir()
        server = ServerProcess("--port", port, *arguments, **{"cwd": home, **options})  # type: ignore[arg-type]
        started.append(server)
        return server

    yield start
    for server in started:
        server.process.kill()
        server.process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    """A server that the tests of a module share, with the handlers shipped and the faulty ones."""
    shared = ServerProcess(
        "--port",
        "0",
        "--store",
        "memory:",
        "--handlers",
        "millhand_server.handlers:handlers",
        "--handlers",
        "millhand_server.handlers.faults:handlers",
        "--retry-delay",
        "10ms",
        "--grace",
        "0",
    )
    assert shared.address
    yield shared
    shared.process.kill()
    shared.process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def millhand(server: ServerProcess) -> Millhand:
    """Runs the command line against the module's server."""

    def run(*arguments: str, stdin: str = "", address: str | None = None) -> subprocess.CompletedProcess[str]:
        return run_millhand(*arguments, stdin=stdin, address=address or server.address)

    return run


def run_millhand(
    *arguments: str, stdin: str = "", address: str = "127.0.0.1:1"
) -> subprocess.CompletedProcess[str]:
    """Runs one command to its end."""
    return subprocess.run(
        [*_MILLHAND, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=_environment({"MILLHAND_ADDRESS": address}),
    )


def start_millhand(*arguments: str, address: str, text: bool = True) -> subprocess.Popen[Any]:
    """Starts one command and leaves it running."""
    return subprocess.Popen(
        [*_MILLHAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=text,
        env=_environment({"MILLHAND_ADDRESS": address}),
    )


def _environment(variables: dict[str, str]) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MILLHAND_")}
    return {**ours, **variables}
