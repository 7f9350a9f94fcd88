"""Keeps a server running: starts `millhand serve` again, on the same port, whenever it is gone."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from pathlib import Path

from tests.torture.histories import Act, Died, History, Ready, Spawned
from tests.torture.processes import start

#: What the server is limited to, and the checker holds it to.
MAX_TASKS = 12
TASKS_PER_S = 200.0

_SETTINGS = (
    *("--handlers", "tests.torture.handlers:handlers"),
    *("--max-workers", "8", "--max-tasks", f"{MAX_TASKS}", "--tasks-per-second", f"{TASKS_PER_S}"),
    *("--grace", "1s", "--log-level", "warning"),
)

#: How soon a server that refuses to start is tried again.
_RETRY_S = 0.2

_COMPLAINTS = ("Traceback", "Fatal Python error", "Segmentation fault")


class ServerKeeper:
    """The server, as one that dies and comes back. Its lives are written down, their logs kept one by one."""

    def __init__(self, store: list[str], histories: Path, logs: Path) -> None:
        self._store = store
        self._histories = histories
        self._logs = logs
        self._history = History(histories / "server.jsonl")
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self._is_ready = threading.Event()
        self._may_start = threading.Event()
        self._may_start.set()
        self._ending = False
        self._thread = threading.Thread(target=self._keep, name="server-keeper", daemon=True)
        self.lives = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The process that there is or was last."""
        return self._process.pid if self._process is not None else 0

    def start(self, patience_s: float) -> None:
        """Starts the first life.

        Raises:
            TimeoutError: it does not serve in time; its log says why.
        """
        self._thread.start()
        if not self.wait_ready(patience_s):
            raise TimeoutError(f"the server does not start; see {self._logs}")

    def wait_ready(self, patience_s: float) -> bool:
        return self._is_ready.wait(patience_s)

    def hold(self) -> None:
        """From now on nothing is started, until `release`."""
        self._may_start.clear()

    def release(self) -> None:
        self._may_start.set()

    def send(self, number: signal.Signals) -> subprocess.Popen[str] | None:
        """Signals the process, if there is one, and returns it."""
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(number)
        return process

    def end_by(self, number: signal.Signals, patience_s: float) -> None:
        """Signals the process and waits until it has ended. The next one may start at once.

        Raises:
            TimeoutExpired: it does not end.
        """
        # This one: in a moment it may have a successor.
        process = self.send(number)
        if process is not None:
            process.wait(patience_s)

    def start_second(self, serves_s: float) -> bool:
        """Tries to start another server on the same store; returns whether it was refused, as it must be.

        One that serves may do so for a while, so that it can be seen what comes of that.
        """
        process = self._start_process(0, self._logs / "second.log")
        assert process.stdout is not None
        with process.stdout:
            if not process.stdout.readline():
                return process.wait() == 1
            time.sleep(serves_s)
            process.kill()
            process.wait()
            return False

    def end(self) -> None:
        """Ends it for good."""
        self._ending = True
        self._may_start.set()
        self._history.write(Act(name="end", pid=self.pid))
        self.send(signal.SIGKILL)
        self._thread.join()

    def _keep(self) -> None:
        while not self._ending:
            if self._live():
                continue
            # It did not come up: refusals are not to come by the hundred.
            time.sleep(_RETRY_S)

    def _live(self) -> bool:
        """Runs the server once, to its end; returns whether it came up."""
        self._may_start.wait()
        log = self._logs / f"server-{self.lives + 1:04}.log"
        process = self._start_process(self._port, log)
        self._process = process
        self.lives += 1
        self._history.write(Spawned(pid=process.pid))
        assert process.stdout is not None
        with process.stdout:
            first_line = process.stdout.readline()
            if first_line:
                self._port = int(first_line.rpartition(":")[2])
                self._history.write(Ready(pid=process.pid))
                self._is_ready.set()
            status = process.wait()
        self._is_ready.clear()
        self._history.write(Died(pid=process.pid, status=status, complaint=_complaint_in(log)))
        return bool(first_line)

    def _start_process(self, port: int, log: Path) -> subprocess.Popen[str]:
        return start(
            "millhand_server",
            *("serve", "--port", f"{port}", *self._store, *_SETTINGS),
            folder=self._histories,
            log=log,
            piped=True,
        )


def store_arguments(store: str, database: Path) -> list[str]:
    """Returns the flags that choose a store; `sqlite` stands for a file at `database`."""
    return ["--store", f"sqlite:///{database}" if store == "sqlite" else store]


def _complaint_in(log: Path) -> str:
    """Returns the first line of a log that no server should write."""
    with log.open(errors="replace") as lines:
        return next((line.strip() for line in lines if any(word in line for word in _COMPLAINTS)), "")
