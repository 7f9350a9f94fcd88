"""An executor that a test drives by hand, and one that lets nothing but data cross."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from millhand_server.core.execution import (
    Finished,
    Frame,
    Grant,
    Heartbeat,
    Isolation,
    Outcome,
    Progressed,
    Returned,
    Started,
    StopCause,
    Succeeded,
)
from millhand_server.core.ports import Clock, Executor
from millhand_server.core.task import AttemptKey

Sink = Callable[[Sequence[Frame]], None]

#: A grant or a signal that does not come within this many real seconds will not come.
PATIENCE_S = 5.0


class HandDrivenExecutor:
    """Implements `Executor` without running anything: a test says when attempts begin, report and end.

    Frames reach the engine within the call that makes them. A signal gives back what has not begun, as the
    port says, unless `keeps_waiting` is set: then the test does it, with `give_back` or `begin`.
    """

    def __init__(self, clock: Clock, isolation: Isolation = Isolation.THREAD) -> None:
        self.isolation = isolation
        self.workers = 0
        self.shutdown_announced = False
        self.stopped = False
        self.keeps_waiting = False
        #: All that was ever submitted, in order, and what was asked of it.
        self.grants: list[Grant] = []
        self.signals: list[tuple[AttemptKey, StopCause]] = []
        self.recalls: list[AttemptKey] = []
        #: The grants that have not begun, and the attempts that have not ended.
        self.waiting: dict[AttemptKey, Grant] = {}
        self.running: dict[AttemptKey, Grant] = {}
        self._clock = clock
        self._new_grants: asyncio.Queue[Grant] = asyncio.Queue()
        self._new_signals: asyncio.Queue[tuple[AttemptKey, StopCause]] = asyncio.Queue()

    def start(self, sink: Sink, *, workers: int) -> None:
        self._sink = sink
        self.workers = workers

    def submit(self, grants: Sequence[Grant]) -> None:
        for grant in grants:
            self.grants.append(grant)
            self.waiting[grant.key] = grant
            self._new_grants.put_nowait(grant)

    def signal(self, keys: Sequence[AttemptKey], cause: StopCause) -> None:
        for key in keys:
            self.signals.append((key, cause))
            self._new_signals.put_nowait((key, cause))
        self._give_back_waiting(keys)

    def recall(self, keys: Sequence[AttemptKey]) -> None:
        self.recalls.extend(keys)
        self._give_back_waiting(keys)

    def announce_shutdown(self) -> None:
        self.shutdown_announced = True

    def resize(self, workers: int) -> None:
        self.workers = workers

    async def stop(self) -> None:
        self.stopped = True

    async def next_grant(self) -> Grant:
        """Returns the grants in the order they were submitted, one a call; waits for one to come."""
        return await asyncio.wait_for(self._new_grants.get(), PATIENCE_S)

    async def next_signal(self) -> tuple[AttemptKey, StopCause]:
        """As `next_grant`, for signals."""
        return await asyncio.wait_for(self._new_signals.get(), PATIENCE_S)

    def begin(self, key: AttemptKey, worker: str = "hand") -> None:
        """The attempt's code begins."""
        self.running[key] = self.waiting.pop(key)
        self._sink([Started(key, worker, self._clock.now_us())])

    def progress(self, key: AttemptKey, fraction: float, message: str = "") -> None:
        """The running attempt says how far it is."""
        self._sink([Progressed(key, fraction, message, self._clock.now_us())])

    def heartbeat(self, key: AttemptKey, details: bytes = b"") -> None:
        """The running attempt says that it lives."""
        self._sink([Heartbeat(key, details, self._clock.now_us())])

    def finish(self, key: AttemptKey, outcome: Outcome | None = None) -> None:
        """The attempt's code ends; without an outcome it succeeds with no output."""
        del self.running[key]
        self._sink([Finished(key, Succeeded() if outcome is None else outcome, self._clock.now_us())])

    def run(self, key: AttemptKey, outcome: Outcome | None = None, worker: str = "hand") -> None:
        """The attempt's code begins and ends within one batch of frames."""
        del self.waiting[key]
        now_us = self._clock.now_us()
        self._sink([Started(key, worker, now_us), Finished(key, outcome or Succeeded(), now_us)])

    def give_back(self, key: AttemptKey) -> None:
        """The grant is given back: its code will not begin."""
        del self.waiting[key]
        self._sink([Returned(key)])

    def _give_back_waiting(self, keys: Sequence[AttemptKey]) -> None:
        if not self.keeps_waiting:
            for key in keys:
                if key in self.waiting:
                    self.give_back(key)


class EncodingExecutor:
    """Implements `Executor` over another one through bytes, as a process or a remote worker would.

    What only works because engine and executor share objects fails here.
    """

    def __init__(self, inner: Executor) -> None:
        self.isolation = inner.isolation
        self._inner = inner

    def start(self, sink: Sink, *, workers: int) -> None:
        self._inner.start(
            lambda frames: sink(_frames.decode(msgspec.msgpack.encode(list(frames)))), workers=workers
        )

    def submit(self, grants: Sequence[Grant]) -> None:
        self._inner.submit(_grants.decode(msgspec.msgpack.encode(list(grants))))

    def signal(self, keys: Sequence[AttemptKey], cause: StopCause) -> None:
        copied, decoded = _signals.decode(msgspec.msgpack.encode((list(keys), cause)))
        self._inner.signal(copied, decoded)

    def recall(self, keys: Sequence[AttemptKey]) -> None:
        self._inner.recall(_keys.decode(msgspec.msgpack.encode(list(keys))))

    def announce_shutdown(self) -> None:
        self._inner.announce_shutdown()

    def resize(self, workers: int) -> None:
        self._inner.resize(workers)

    async def stop(self) -> None:
        await self._inner.stop()


_frames = msgspec.msgpack.Decoder(list[Frame])
_grants = msgspec.msgpack.Decoder(list[Grant])
_keys = msgspec.msgpack.Decoder(list[AttemptKey])
_signals = msgspec.msgpack.Decoder(tuple[list[AttemptKey], StopCause])
