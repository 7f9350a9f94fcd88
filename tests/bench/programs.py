"""Programs that know nothing of the bench, such as a broker and its workers: how they start and end."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tests.bench.processes import ChildFailed, environment, last_words

#: How long a program may take to end when it is asked to.
_GRACE_S = 10.0


class Program(AbstractContextManager["Program"]):
    """A program with all that it starts. Leaving the block asks it to end, and kills what is left."""

    def __init__(self, command: Sequence[str | Path], *, folder: Path, env: Mapping[str, str]) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**environment(), **env},
            # A group of its own, so that its children can be ended with it.
            start_new_session=True,
        )
        self.pid = self._process.pid

    def check(self) -> None:
        """Looks whether it runs.

        Raises:
            ChildFailed: it has ended. The text ends with what it said.
        """
        if self._process.poll() is not None:
            raise ChildFailed(
                f"{self._process.args!r} ended with {self._process.returncode}\n{last_words(self._log)}"
            )

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill_all()
            self._process.wait()
            self._log.close()

    def _kill_all(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            # All have ended by themselves.
            return
