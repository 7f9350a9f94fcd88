"""Takes commands out of a page and runs them, as a person who pastes them would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.architecture.docs.pages import ROOT

#: The address in every page, that of a server which is told of none.
WRITTEN_ADDRESS = "127.0.0.1:50051"

_PATIENCE_S = 30.0


def commands(block: str) -> list[str]:
    """Splits a block for a shell into its commands; comments go."""
    found: list[str] = []
    pending = ""
    for line in block.splitlines(keepends=True):
        pending += line
        if _is_whole(pending):
            found.append(pending.rstrip("\n"))
            pending = ""
    assert not pending, f"the block ends within a command: {pending}"
    return [command for command in found if not command.lstrip().startswith("#") and command.strip()]


class Shell:
    """A shell that finds `millhand` and `grpcurl`, and talks to one server."""

    def __init__(self, address: str, tools: Path) -> None:
        self._address = address
        self._path = f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}"

    def run(self, command: str, *, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        """Runs a command in place of the address in it."""
        return subprocess.run(
            ["bash", "-c", command.replace(WRITTEN_ADDRESS, self._address)],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            cwd=cwd,
            env={**os.environ, "PATH": self._path, "MILLHAND_ADDRESS": self._address},
        )

    def run_python(self, program: str) -> subprocess.CompletedProcess[str]:
        """Runs a program in place of the address in it."""
        return subprocess.run(
            [sys.executable, "-c", program.replace(WRITTEN_ADDRESS, self._address)],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
        )


def link_grpcurl(folder: Path) -> None:
    """Puts the real grpcurl into a folder; without one the test is skipped, and fails under CI."""
    grpcurl = os.environ.get("GRPCURL") or str(ROOT / ".tools" / "bin" / "grpcurl")
    found = shutil.which(grpcurl)
    if found is None:
        sentence = (
            f"there is no grpcurl at {grpcurl}; `make .tools/bin/grpcurl` builds it, GRPCURL names another"
        )
        if os.environ.get("MILLHAND_CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    (folder / "grpcurl").symlink_to(found)


def messages(output: str) -> list[dict[str, Any]]:
    """Returns the JSON objects that a program printed one after the other."""
    return list(_messages(output))


def _messages(output: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder()
    rest = output.strip()
    while rest:
        message, end = decoder.raw_decode(rest)
        yield message
        rest = rest[end:].lstrip()


def _is_whole(command: str) -> bool:
    # A shell that lacks the end of something says so, with a warning only where a here-document has no end.
    checked = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True)
    return not checked.returncode and not checked.stderr and not command.endswith("\\\n")
