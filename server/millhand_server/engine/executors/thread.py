"""Runs plain handlers on a pool of threads of our own."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence

from millhand.kit import StopReason
from millhand_server.core.execution import Frame, Grant, Isolation, Returned, Started, StopCause
from millhand_server.core.ports import Clock, PayloadCodec
from millhand_server.core.task import AttemptKey
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.outbox import Outbox
from millhand_server.engine.runner import Run

#: What a handler is told for each cause.
STOP_REASONS = {
    StopCause.CANCEL: StopReason.CANCEL,
    StopCause.TIMEOUT: StopReason.TIMEOUT,
    StopCause.DEADLINE: StopReason.DEADLINE,
    StopCause.SHUTDOWN: StopReason.SHUTDOWN_NOW,
    StopCause.LEASE_LOST: StopReason.LEASE_LOST,
}


class ThreadExecutor:
    """A pool of daemon threads that take grants in the order they were submitted.

    A grant waits in `_pending` under its key, and the queue holds only keys. Who pops the key from
    `_pending` owns the grant, a worker to run it or the loop to give it back, and a dict's pop is atomic:
    no lock is needed.
    """

    isolation = Isolation.THREAD

    def __init__(self, catalogue: Catalogue, codec: PayloadCodec, clock: Clock) -> None:
        self._catalogue = catalogue
        self._codec = codec
        self._clock = clock
        self._queue: queue.SimpleQueue[AttemptKey | None] = queue.SimpleQueue()
        self._pending: dict[AttemptKey, Grant] = {}
        self._runs: dict[AttemptKey, Run] = {}
        self._workers = 0
        self._named = 0
        self._shutting_down = False

    def start(self, sink: Callable[[Sequence[Frame]], None], *, workers: int) -> None:
        self._outbox = Outbox(asyncio.get_running_loop(), sink)
        self.resize(workers)

    def submit(self, grants: Sequence[Grant]) -> None:
        for grant in grants:
            self._pending[grant.key] = grant
            self._queue.put(grant.key)

    def signal(self, keys: Sequence[AttemptKey], cause: StopCause) -> None:
        for key in keys:
            if self._give_back(key):
                continue
            # A worker registers its run before it takes the grant, so the run is here or has ended.
            run = self._runs.get(key)
            if run is not None:
                run.context.signal(STOP_REASONS[cause])

    def recall(self, keys: Sequence[AttemptKey]) -> None:
        for key in keys:
            self._give_back(key)

    def announce_shutdown(self) -> None:
        self._shutting_down = True
        for run in list(self._runs.values()):
            run.context.signal_shutdown()

    def resize(self, workers: int) -> None:
        for _ in range(workers, self._workers):
            self._queue.put(None)
        for _ in range(self._workers, workers):
            self._named += 1
            name = f"millhand-worker-{self._named}"
            threading.Thread(target=self._work, name=name, args=(name,), daemon=True).start()
        self._workers = workers

    async def stop(self) -> None:
        self.resize(0)

    def _give_back(self, key: AttemptKey) -> bool:
        if self._pending.pop(key, None) is None:
            return False
        self._outbox.put(Returned(key))
        return True

    def _work(self, name: str) -> None:
        while (key := self._queue.get()) is not None:
            grant = self._pending.get(key)
            if grant is not None:
                self._attempt(grant, name)

    def _attempt(self, grant: Grant, worker: str) -> None:
        run = Run(self._catalogue[grant.handler].handler, grant, self._codec, self._clock, self._outbox)
        self._runs[grant.key] = run
        try:
            if self._pending.pop(grant.key, None) is None:
                return
            if self._shutting_down:
                run.context.signal_shutdown()
            self._outbox.put(Started(grant.key, worker, self._clock.now_us()))
            outcome = run.call()
        finally:
            del self._runs[grant.key]
        self._outbox.put(*run.finished(outcome))
