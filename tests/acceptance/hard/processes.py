"""Client programs beside the server under test, each a process of its own that can be killed at any time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.acceptance.conftest import PATIENCE_S

# A clean process has imported all that is dear and forks the programs, each in milliseconds. It never uses
# gRPC itself, which would not survive a fork.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["grpc", "grpc.aio", "millhand.client", "tests.acceptance.hard.programs"])


class Program:
    """A function of `programs` that runs in a process of its own; leaving the block kills it.

    It is called with `arguments` and, last, with the connection on which it says how far it is.
    """

    def __init__(self, function: Callable[..., None], *arguments: object) -> None:
        self._heard, said = _context.Pipe(duplex=False)
        self._process = _context.Process(target=function, args=(*arguments, said), daemon=True)
        self._process.start()
        # The program's copy is the only one now: its death is the end of what there is to hear.
        said.close()

    def says(self) -> Any:
        """Waits for the next thing that the program says.

        Raises:
            EOFError: it has ended.
        """
        if not self._heard.poll(PATIENCE_S):
            raise TimeoutError("the program says nothing")
        return self._heard.recv()

    def until(self, said: object) -> None:
        """Waits until the program says exactly this."""
        while self.says() != said:
            pass

    def kill(self) -> None:
        """Ends the process as a power failure would: by SIGKILL."""
        self._process.kill()
        self._process.join(PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._heard.close()
        self._process.close()


def resident_mb(pid: int) -> float:
    """The memory that a process has in RAM now."""
    return _status_kb(pid, "VmRSS") / 1024


def peak_mb(pid: int) -> float:
    """The most memory that a process ever had in RAM."""
    return _status_kb(pid, "VmHWM") / 1024


def _status_kb(pid: int, key: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return int(value.split()[0])
    raise LookupError(f"/proc/{pid}/status has no {key}")
