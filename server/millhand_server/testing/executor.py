"""Executors that run nothing by themselves: a test says when attempts begin, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

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

#: What does not come within this many real seconds will not come.
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


class SteppedExecutor(HandDrivenExecutor):
    """A `HandDrivenExecutor` that also runs handlers: `call` lets a real executor have a waiting grant.

    The code then runs where and as it does in a server, on a thread or on the loop of async handlers.
    """

    def __init__(self, inner: Executor, clock: Clock) -> None:
        super().__init__(clock, inner.isolation)
        self._inner = inner
        self._news = asyncio.Event()
        #: What the code does not do within this many real seconds, it will not do.
        self.patience_s = PATIENCE_S
        #: The attempts whose code was called and has not ended.
        self.called: dict[AttemptKey, Grant] = {}
        #: Those of them whose code has begun.
        self.begun: set[AttemptKey] = set()

    def start(self, sink: Sink, *, workers: int) -> None:
        super().start(sink, workers=workers)
        self._inner.start(self._take, workers=workers)

    def signal(self, keys: Sequence[AttemptKey], cause: StopCause) -> None:
        super().signal(keys, cause)
        self._inner.signal([key for key in keys if key in self.called], cause)

    def recall(self, keys: Sequence[AttemptKey]) -> None:
        super().recall(keys)
        self._inner.recall([key for key in keys if key in self.called])

    def announce_shutdown(self) -> None:
        super().announce_shutdown()
        self._inner.announce_shutdown()

    def resize(self, workers: int) -> None:
        super().resize(workers)
        self._inner.resize(workers)

    async def stop(self) -> None:
        await super().stop()
        await self._inner.stop()

    def call(self, key: AttemptKey) -> None:
        """Calls the handler of a waiting grant, and does not wait for it."""
        grant = self.called[key] = self.waiting.pop(key)
        self._inner.submit([grant])

    async def until_begun(self, key: AttemptKey) -> None:
        """Returns when the handler's code has begun, or has ended already.

        Raises:
            AssertionError: it has not, in real seconds; all workers may be held by others.
        """
        if not await self._until(lambda: key in self.begun or key not in self.called, self.patience_s):
            raise AssertionError(f"{_name(key)} did not begin within {self.patience_s:g} s")

    async def until_ended(self, key: AttemptKey) -> None:
        """Returns when the handler's code has ended.

        Raises:
            AssertionError: it has not, in real seconds; it may wait for what only this test can bring.
        """
        if not await self._until(lambda: key not in self.called, self.patience_s):
            raise AssertionError(f"the code of {_name(key)} did not end within {self.patience_s:g} s")

    async def until_idle(self, limit_s: float) -> bool:
        """Returns True when no called code is left, or False after so many real seconds."""
        return await self._until(lambda: not self.called, limit_s)

    def _take(self, frames: Sequence[Frame]) -> None:
        for frame in frames:
            match frame:
                case Started(key=key):
                    self.begun.add(key)
                case Finished(key=key) | Returned(key=key):
                    self.called.pop(key, None)
                    self.begun.discard(key)
        self._sink(frames)
        self._news.set()

    async def _until(self, condition: Callable[[], bool], limit_s: float) -> bool:
        try:
            async with asyncio.timeout(limit_s):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True


def _name(key: AttemptKey) -> str:
    return f"attempt {key.attempt} of task {key.task_id}"
