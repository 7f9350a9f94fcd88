"""The way of frames from a worker's thread to the engine's loop: many frames, one wake-up."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from millhand_server.core.execution import Frame


class Outbox:
    """Collects frames from any thread and hands them to `sink` on the loop, in order, in batches.

    Waking a loop costs microseconds and a system call, so it is done once for all the frames that gather
    until the loop gets round to them.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, sink: Callable[[Sequence[Frame]], None]) -> None:
        self._loop = loop
        self._sink = sink
        self._frames: deque[Frame] = deque()
        self._wakes = False

    def put(self, *frames: Frame) -> None:
        """Adds frames; never blocks. After the loop was closed they are dropped: nobody could take them."""
        self._frames.extend(frames)
        if self._wakes:
            return
        self._wakes = True
        if not self.run_on_loop(self._flush):
            self._frames.clear()
            self._wakes = False

    def run_on_loop(self, function: Callable[[], object]) -> bool:
        """Has the loop call a function soon; False when the loop was closed."""
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            if not self._loop.is_closed():
                raise
            return False
        return True

    def _flush(self) -> None:
        # The flag falls before the frames are taken: one that is put meanwhile wakes the loop once too
        # often, never once too seldom.
        self._wakes = False
        frames = [self._frames.popleft() for _ in range(len(self._frames))]
        if frames:
            self._sink(frames)
