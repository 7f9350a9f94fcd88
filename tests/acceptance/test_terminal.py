"""What a person sees: commands on a terminal, wide and narrow, with rich and without it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.acceptance.conftest import PATIENCE_S, ServerProcess

from millhand import Client, task_spec

Screen = Callable[..., "Terminal"]

_COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _without_size() -> dict[str, str]:
    # Whoever loads readline sets these, pytest's worker processes inherit them, and they outdo the terminal.
    return {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}


class Terminal:
    """A program whose three streams are one terminal."""

    def __init__(self, *arguments: str, width: int, variables: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "millhand_server", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**_without_size(), "TERM": "xterm", **variables},
        )
        os.close(theirs)
        self._raw = b""
        self._grew = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def raw(self) -> str:
        return self._raw.decode(errors="replace")

    def until(self, text: str) -> None:
        """Waits until the terminal was sent a text."""
        with self._grew:
            assert self._grew.wait_for(lambda: text in self.plain, PATIENCE_S), self.raw

    @property
    def plain(self) -> str:
        return _CONTROL.sub("", self.raw)

    def ended(self) -> int:
        status = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return status

    def _read(self) -> None:
        with os.fdopen(self._ours, "rb", buffering=0) as stream:
            while True:
                try:
                    chunk = stream.read(65536)
                except OSError:
                    # EIO: how Linux says that nobody holds the other side any more.
                    return
                if not chunk:
                    return
                with self._grew:
                    self._raw += chunk
                    self._grew.notify_all()


@pytest.fixture
def screen(server: ServerProcess) -> Iterator[Screen]:
    """Runs commands on terminals; all have ended when the test has."""
    started: list[Terminal] = []

    def start(*arguments: str, width: int = 80, **variables: str) -> Terminal:
        terminal = Terminal(
            *arguments, width=width, variables={"MILLHAND_ADDRESS": server.address, **variables}
        )
        started.append(terminal)
        return terminal

    yield start
    for terminal in started:
        terminal.process.kill()
        terminal.ended()


@pytest.fixture
def without_rich(tmp_path: Path) -> dict[str, str]:
    """Variables under which rich cannot be imported."""
    (tmp_path / "rich.py").write_text("raise ImportError('rich is not installed')")
    return {"PYTHONPATH": str(tmp_path)}


def test_exec_shows_progress_and_leaves_the_output_alone_on_the_screen(screen: Screen) -> None:
    terminal = screen("exec", "sleep", '{"seconds": 2, "progress": true}')

    assert terminal.ended() == 0
    assert re.search(r"sleep  running +.*\d+%", terminal.plain)
    assert terminal.plain.rstrip().endswith('{\r\n  "slept": 2\r\n}')


def test_exec_says_why_its_task_does_not_run_yet(screen: Screen) -> None:
    terminal = screen("exec", "echo", "1", "--delay", "1h")

    terminal.until("scheduled: it is scheduled for later (")
    terminal.process.send_signal(signal.SIGINT)

    assert terminal.ended() == 130
    assert "goes on: `millhand get`" in terminal.plain


def test_exec_shows_progress_without_rich(screen: Screen, without_rich: dict[str, str]) -> None:
    terminal = screen("exec", "sleep", '{"seconds": 2, "progress": true}', **without_rich)

    assert terminal.ended() == 0
    assert re.search(r"\r *\d+% sleep  running", terminal.plain)
    assert "\r\x1b[K{" in terminal.raw


def test_wait_shows_what_is_left(screen: Screen, server: ServerProcess) -> None:
    with Client(server.address) as client:
        client.register("echo", 1, delay=3600, queue="left")
        terminal = screen("wait", "--queue", "left")
        terminal.until("waiting for 1 SCHEDULED")

        client.cancel_all(queues=["left"])

    assert terminal.ended() == 0
    assert re.search(r"CANCELLED +1", terminal.plain)


@pytest.mark.parametrize("width", [80, 120])
def test_followed_results_stand_above_what_runs_within_the_width(
    screen: Screen, server: ServerProcess, width: int
) -> None:
    terminal = screen("results", "--follow", width=width)
    terminal.until("following; Ctrl-C ends")
    with Client(server.address) as client:
        done = client.register("echo", "x" * 500)
        running = client.register("sleep", {"seconds": 600, "progress": True})
        terminal.until(done.id)
        terminal.until(running.id)
        terminal.process.send_signal(signal.SIGINT)
        client.cancel(running.id)

    assert terminal.ended() == 130
    rows = [line for line in re.split(r"[\r\n]+", terminal.plain) if done.id in line or running.id in line]
    assert max(map(len, rows)) <= width
    assert "go on with --after " in terminal.plain


def test_followed_results_are_plain_rows_without_rich(
    screen: Screen, server: ServerProcess, without_rich: dict[str, str]
) -> None:
    terminal = screen("results", "--follow", width=120, **without_rich)
    terminal.until("OUTPUT")
    with Client(server.address) as client:
        task = client.register("echo", "plain")

    terminal.until(f"COMPLETED  {task.id}  echo")
    assert "\x1b" not in terminal.raw


def test_a_watched_list_fills_the_screen_and_gives_it_back(screen: Screen, server: ServerProcess) -> None:
    with Client(server.address) as client:
        task = client.register("echo", 1, delay=3600, queue="watched")
        terminal = screen("list", "--watch", "--queue", "watched")
        terminal.until("1 task; Ctrl-C ends")

        client.cancel(task.id)
        terminal.until("CANCELLED")

    terminal.process.send_signal(signal.SIGINT)
    assert terminal.ended() == 130
    assert terminal.raw.index("\x1b[?1049h") < terminal.raw.rindex("\x1b[?1049l")


def test_a_narrow_table_goes_without_its_spare_columns_and_never_breaks_an_id(
    screen: Screen, server: ServerProcess
) -> None:
    with Client(server.address) as client:
        failed = client.execute_task(task_spec("fail", {"times": 9}, retries=0)).task
    narrow, wide = screen("list", width=80), screen("list", width=120)

    assert narrow.ended() == wide.ended() == 0
    assert "ATTEMPT" not in narrow.plain
    assert "ATTEMPT" in wide.plain
    assert failed.id in narrow.plain
    assert all(len(line) <= 80 for line in narrow.plain.splitlines())


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=lambda v: next(iter(v)))
def test_colours_can_be_turned_off(screen: Screen, variables: dict[str, str]) -> None:
    coloured, plain = screen("list"), screen("list", **variables)

    assert coloured.ended() == plain.ended() == 0
    assert _COLOUR.search(coloured.raw)
    assert not _COLOUR.search(plain.raw)
