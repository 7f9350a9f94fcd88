"""Follows a page from its first file to its last command, as a reader would, in a folder of their own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from tests.acceptance.conftest import Serve, ServerProcess
from tests.acceptance.docs.commands import WRITTEN_ADDRESS, commands
from tests.architecture.docs import pages

_METRICS_PORT = "9464"

_FILES = ("python", "go", "yaml")


class Follower:
    """Somebody who does what a page says: saves its files, enters its commands, compares what is printed.

    A fenced block in a language is a file whose name is in its first line, `sh` is what to enter, and `text`
    what the block before it prints.
    """

    def __init__(self, serve: Serve, folder: Path, *, patience_s: float = 30.0) -> None:
        self._serve = serve
        self._folder = folder
        self._patience_s = patience_s
        self._server: ServerProcess | None = None
        self._exported = ""
        self._metrics_port = _free_port()

    def follow(self, page: Path) -> None:
        printed = ""
        for language, body in pages.fences(page):
            if language in _FILES:
                self._save(body)
            elif language == "sh":
                printed = "".join(self.enter(command) for command in commands(body))
            elif language == "text":
                assert _missing(body, printed) == [], printed

    def enter(self, command: str) -> str:
        """Enters a command and returns all that it printed."""
        if command.startswith("millhand serve") and "--check" not in command:
            self._start(command)
            return ""
        if command.startswith("export"):
            self._exported += self._here(command) + "\n"
            return ""
        ended = subprocess.run(
            ["bash", "-c", self._exported + self._here(command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self._folder,
            timeout=self._patience_s,
            env={**os.environ, **self._variables()},
        )
        return ended.stdout

    def _save(self, content: str) -> None:
        name = content.partition("\n")[0].split()[-1]
        (self._folder / name).write_text(self._here(content))

    def _start(self, command: str) -> None:
        if self._server is not None:
            self._server.process.terminate()
            self._server.ended()
        arguments = self._here(command).split()[2:]
        self._server = self._serve(*arguments, cwd=str(self._folder))

    def _here(self, text: str) -> str:
        """The text with the ports that are free here, and where this checkout is."""
        text = text.replace(_METRICS_PORT, self._metrics_port).replace("MILLHAND/", f"{pages.ROOT}/")
        text = text.replace("MILLHAND ", f"{pages.ROOT} ")
        return text.replace(WRITTEN_ADDRESS, self._server.address) if self._server else text

    def _variables(self) -> dict[str, str]:
        found = f"{self._folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        address = self._server.address if self._server else "127.0.0.1:1"
        return {
            "PATH": found,
            "MILLHAND_ADDRESS": address,
            "PYTHONDONTWRITEBYTECODE": "1",
            "GOBIN": str(self._folder),
            "GOFLAGS": "-modcacherw",
        }


def _missing(expected: str, printed: str) -> list[str]:
    """The lines that were not printed, however wide their columns; one may go on where the page ends."""
    squeezed = re.sub(r"[ \t]+", " ", printed)
    return [line for line in expected.splitlines() if re.sub(r"[ \t]+", " ", line) not in squeezed]


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
