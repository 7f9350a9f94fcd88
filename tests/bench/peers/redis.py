"""Debian's Redis with its default persistence, on a free port and in a folder that is thrown away."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.case import LeftOut
from tests.bench.programs import Program

_INSTALL = "apt-get update && apt-get install --no-install-recommends redis-server"

#: How long it may take to answer after its start.
_PATIENCE_S = 10.0


@dataclass(frozen=True)
class Redis:
    """A server that answers. `persistence` is what it says of when it writes to disk."""

    url: str
    pid: int
    version: str
    persistence: str


def redis_program() -> str:
    """Returns the path of the program.

    Raises:
        LeftOut: it is not installed.
    """
    found = shutil.which("redis-server")
    if found is None:
        raise LeftOut(f"there is no redis-server. Install Debian's, as root: {_INSTALL}")
    return found


@contextmanager
def redis(folder: Path) -> Iterator[Redis]:
    """Starts a server that has nothing, and ends it when the block is left."""
    port = _free_port()
    folder.mkdir()
    command = [redis_program(), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    with Program(command, folder=folder, env={}) as program:
        info = _info(program, port)
        # Another's server may have taken the port meanwhile.
        assert int(info["process_id"]) == program.pid
        persistence = ", ".join(
            f"{name} '{_ask(port, f'CONFIG GET {name}').splitlines()[4]}'" for name in ("appendonly", "save")
        )
        yield Redis(f"redis://127.0.0.1:{port}/0", program.pid, info["redis_version"], persistence)


def _info(program: Program, port: int) -> dict[str, str]:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        program.check()
        try:
            lines = _ask(port, "INFO server").splitlines()
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return dict(line.split(":", 1) for line in lines if ":" in line)


def _ask(port: int, command: str) -> str:
    """Returns a whole answer as it came over the wire."""
    with socket.create_connection(("127.0.0.1", port), _PATIENCE_S) as connection:
        connection.sendall(f"{command}\r\nQUIT\r\n".encode())
        with connection.makefile("r", newline="") as answers:
            return answers.read()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
