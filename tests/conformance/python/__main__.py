"""Plays the cases that come in on standard input: `python -m tests.conformance.python`."""

from __future__ import annotations

import asyncio
import sys

from tests.conformance import framing
from tests.conformance.python.player import Player
from tests.conformance.wire import conformance_pb2 as wire


class Program:
    """Standard input and output, and the case that is being played."""

    def __init__(self) -> None:
        self._player: Player | None = None

    async def run(self) -> None:
        """Plays cases until standard input ends."""
        playing: asyncio.Task[None] | None = None
        while (said := await asyncio.to_thread(framing.read, sys.stdin.buffer, wire.FromRunner)) is not None:
            if said.WhichOneof("kind") == "case":
                if playing is not None:
                    await playing
                self._player = Player(said.case, self._show)
                playing = asyncio.create_task(self._play(self._player))
            elif self._player is not None:
                self._player.go_on(said.go_on)

    async def _play(self, player: Player) -> None:
        fault = ""
        try:
            await player.play()
        except Exception as error:
            # Whatever it is, the runner has to hear of it instead of waiting.
            fault = f"{type(error).__name__}: {error}"
        framing.write(sys.stdout.buffer, wire.FromProgram(done=wire.Done(fault=fault)))

    def _show(self, seen: wire.Seen) -> None:
        framing.write(sys.stdout.buffer, wire.FromProgram(seen=seen))


if __name__ == "__main__":
    asyncio.run(Program().run())
