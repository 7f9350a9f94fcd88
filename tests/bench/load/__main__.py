"""The client process: makes the load that it is told to make, and answers with what it measured."""

from __future__ import annotations

import asyncio
import os

import uvloop
from tests.bench.commands import Commands, obey
from tests.bench.load import batches, cancels, library, queued, readers, session, unary

_LOADS: Commands = {
    "unary": unary.call,
    "library": library.execute,
    "session": session.run,
    "batches": batches.register,
    "read": readers.read,
    "read_bare": readers.read_bare,
    "first_result": readers.first_result,
    "first_start": readers.first_start,
    "hold": readers.hold,
    "cancel": cancels.cancel,
    "fill": queued.fill,
    "fill_up": queued.fill_up,
    "set_workers": queued.set_workers,
}

if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(obey(_LOADS))
    # Streams that are held open end with the process.
    os._exit(0)
