"""How the processes of a run start, are told to end, and end with the run even if that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

#: Names the folder of the histories to the processes that take part.
HISTORIES_VARIABLE = "TORTURE_HISTORIES"

_PARENT_VARIABLE = "TORTURE_PARENT"


def start(
    module: str, *arguments: str, folder: Path, log: Path, piped: bool = False
) -> subprocess.Popen[str]:
    """Starts `python -m module`. What it says on standard error, and unless `piped` else, goes to the log."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MILLHAND_")}
    with log.open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdout=subprocess.PIPE if piped else errors,
            stderr=errors,
            text=True,
            env={**ours, HISTORIES_VARIABLE: str(folder), _PARENT_VARIABLE: str(os.getpid())},
        )


def stay_with_parent() -> None:
    """Ends this process when the run that started it is gone."""
    parent = int(os.environ[_PARENT_VARIABLE])

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, name="leash", daemon=True).start()


def stop_on_sigterm() -> threading.Event:
    """Returns what is set once this process is asked to end."""
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    return asked


class Role:
    """A process that is started again, as its own successor, when it was killed."""

    def __init__(self, module: str, name: str, address: str, seed: int, folder: Path, logs: Path) -> None:
        self.name = name
        self._module = module
        self._arguments = (name, address, str(seed))
        self._folder = folder
        self._log = logs / f"{name}.log"
        self._lives = 0
        self._process = self._start()

    @property
    def has_failed(self) -> bool:
        """Whether it ended by itself, which none of them should while a run goes on."""
        return self._process.poll() is not None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def kill_and_replace(self) -> None:
        self.kill()
        self._process = self._start()

    def ask_to_end(self) -> None:
        self._process.terminate()

    def end(self, patience_s: float) -> bool:
        """Waits for its end; kills it, and returns False, if that does not come in time."""
        try:
            return self._process.wait(patience_s) == 0
        except subprocess.TimeoutExpired:
            self.kill()
            return False

    def _start(self) -> subprocess.Popen[str]:
        self._lives += 1
        return start(self._module, *self._arguments, str(self._lives), folder=self._folder, log=self._log)
