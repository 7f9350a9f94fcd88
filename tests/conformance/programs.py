"""The programs of all clients: how each is started, and talked to."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from google.protobuf import json_format
from google.rpc import error_details_pb2  # type: ignore[import-untyped]  # noqa: F401
from tests.conformance import framing
from tests.conformance.wire import conformance_pb2 as wire

ROOT = Path(__file__).parents[2]

#: How long a case may go without anything seen.
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Language:
    """How a client's program is started, from the top of the repository."""

    name: str
    command: tuple[str, ...]
    #: What must be there; `make -C clients/... conformance` builds it.
    built: str

    @property
    def is_built(self) -> bool:
        return (ROOT / self.built).exists()


LANGUAGES = (
    Language("python", (sys.executable, "-m", "tests.conformance.python"), "clients/python"),
    Language("go", ("clients/go/build/conformance",), "clients/go/build/conformance"),
)


class Program:
    """One program that runs, and plays one case after another."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._process = subprocess.Popen(
            language.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
        self._said: SimpleQueue[wire.FromProgram | None] = SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def play(
        self,
        case: wire.Case,
        at_pause: Callable[[str], None],
        on_seen: Callable[[wire.Seen], None] = lambda _: None,
    ) -> dict[str, list[dict[str, Any]]]:
        """Plays a case and returns what each step has shown, in the JSON of protobuf.

        `on_seen` is called with each, as it comes.

        Raises:
            AssertionError: the program says that it cannot, has ended, or says nothing for long.
        """
        try:
            shown, fault = self._play(case, at_pause, on_seen)
        except BaseException:
            # It is still in the midst of this case, and would take the next one's words for this one's.
            self._process.kill()
            self._process.wait()
            raise
        assert not fault, fault
        return shown

    def end(self) -> None:
        """Ends the program: by the end of its input, or else by force."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _play(
        self, case: wire.Case, at_pause: Callable[[str], None], on_seen: Callable[[wire.Seen], None]
    ) -> tuple[dict[str, list[dict[str, Any]]], str]:
        self._tell(wire.FromRunner(case=case))
        shown: dict[str, list[dict[str, Any]]] = {step.name: [] for step in case.steps}
        while (said := self._hear()).WhichOneof("kind") == "seen":
            if said.seen.WhichOneof("what") == "paused":
                at_pause(said.seen.paused)
                self._tell(wire.FromRunner(go_on=said.seen.paused))
            else:
                on_seen(said.seen)
                shown[said.seen.step].append(_as_data(said.seen))
        return shown, said.done.fault

    def _tell(self, message: wire.FromRunner) -> None:
        assert self._process.stdin is not None
        framing.write(self._process.stdin, message)

    def _hear(self) -> wire.FromProgram:
        try:
            said = self._said.get(timeout=PATIENCE_S)
        except Empty:
            raise AssertionError(f"the program of {self.language.name} says nothing") from None
        assert said is not None, f"the program of {self.language.name} has ended"
        return said

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            while (said := framing.read(stdout, wire.FromProgram)) is not None:
                self._said.put(said)
        self._said.put(None)


def _as_data(seen: wire.Seen) -> dict[str, Any]:
    data = json_format.MessageToDict(seen, preserving_proto_field_name=True)
    data.pop("step", None)
    return data
