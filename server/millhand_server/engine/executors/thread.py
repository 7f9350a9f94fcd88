"""Runs plain handlers on a pool of threads of our own."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
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

    A grant waits in `_pending` under its key, and the queue holds only keys. Who takes it from `_pending`
    owns it: a worker to run it, or the loop to give it back. `_lock` makes taking a grant and registering
    its run one step, so that a signal finds the one or the other.
    """

    isolation = Isolation.THREAD

    def __init__(self, catalogue: Catalogue, codec: PayloadCodec, clock: Clock) -> None:
        self._catalogue = catalogue
        self._codec = codec
        self._clock = clock
        self._ready: deque[AttemptKey] = deque()
        #: A lock for each worker that sleeps, which it waits to acquire. The last one to fall asleep is woken
        #: first: it is the quickest to begin, and a pool larger than its work lets the others sleep.
        self._asleep: list[threading.Lock] = []
        #: Whether a worker was woken that does not run yet. It will look at all there is.
        self._is_waking = False
        self._pending: dict[AttemptKey, Grant] = {}
        self._runs: dict[AttemptKey, Run] = {}
        self._lock = threading.Lock()
        self._workers = 0
        #: How many threads are to end as soon as they are free.
        self._surplus = 0
        self._named = 0
        self._shutting_down = False

    def start(self, sink: Callable[[Sequence[Frame]], None], *, workers: int) -> None:
        self._outbox = Outbox(asyncio.get_running_loop(), sink)
        self.resize(workers)

    def submit(self, grants: Sequence[Grant]) -> None:
        if self._workers == 0:
            self._outbox.put(*(Returned(grant.key) for grant in grants))
            return
        for grant in grants:
            self._pending[grant.key] = grant
            self._ready.append(grant.key)
        self._wake_one()

    def signal(self, keys: Sequence[AttemptKey], cause: StopCause) -> None:
        for key in keys:
            if not self._give_back(key) and (run := self._runs.get(key)) is not None:
                run.signal(STOP_REASONS[cause])

    def recall(self, keys: Sequence[AttemptKey]) -> None:
        for key in keys:
            self._give_back(key)

    def announce_shutdown(self) -> None:
        self._shutting_down = True
        for run in list(self._runs.values()):
            run.signal_shutdown()

    def resize(self, workers: int) -> None:
        with self._lock:
            alive = self._workers + self._surplus
            self._surplus = max(0, alive - workers)
        for _ in range(alive, workers):
            self._named += 1
            name = f"millhand-worker-{self._named}"
            threading.Thread(target=self._work, name=name, args=(name,), daemon=True).start()
        if workers < self._workers:
            # An idle worker sees that it is one too many, and wakes the next one to see the same.
            self._wake_one()
        self._workers = workers
        if workers == 0:
            self.recall(list(self._pending))

    async def stop(self) -> None:
        self.resize(0)

    def _give_back(self, key: AttemptKey) -> bool:
        with self._lock:
            if self._pending.pop(key, None) is None:
                return False
        self._outbox.put(Returned(key))
        return True

    def _work(self, name: str) -> None:
        bed = threading.Lock()
        bed.acquire()
        while not self._is_surplus():
            key = self._next(bed)
            if key is not None:
                self._attempt(key, name)
        if self._ready or self._surplus:
            # It was woken for this, and ends instead.
            self._wake_one()

    def _next(self, bed: threading.Lock) -> AttemptKey | None:
        """Returns the next grant's key, or None after a sleep, for the caller to look around again."""
        try:
            key = self._ready.popleft()
        except IndexError:
            self._sleep(bed)
            return None
        if self._ready and self._asleep and not self._is_waking:
            self._wake_one()
        return key

    def _sleep(self, bed: threading.Lock) -> None:
        with self._lock:
            # Under the lock, which a submit takes after it has added its grants: one of both sees the other.
            if self._ready or self._surplus:
                return
            self._asleep.append(bed)
        bed.acquire()
        self._is_waking = False

    def _wake_one(self) -> None:
        """Wakes one worker, which wakes the next one if there is more to do; one at a time.

        Waking all at once costs more than quick handlers do: every waker and sleeper wants the interpreter's
        lock, and by the time the second one has it the first has often done all there was.
        """
        with self._lock:
            if not self._asleep or self._is_waking:
                return
            bed = self._asleep.pop()
            self._is_waking = True
        bed.release()

    def _is_surplus(self) -> bool:
        if self._surplus == 0:
            return False
        with self._lock:
            if self._surplus == 0:
                return False
            self._surplus -= 1
            return True

    def _attempt(self, key: AttemptKey, worker: str) -> None:
        run = self._take(key)
        if run is None:
            return
        try:
            if self._shutting_down:
                run.signal_shutdown()
            self._outbox.put(Started(key, worker, self._clock.now_us()))
            outcome = run.call()
        finally:
            del self._runs[key]
        self._outbox.put(*run.finished(outcome))

    def _take(self, key: AttemptKey) -> Run | None:
        """Makes a grant a run, in one step, so that a signal finds the one or the other."""
        with self._lock:
            # Gone when it was given back; submitted again meanwhile, it has its key in the queue twice.
            grant = self._pending.pop(key, None)
            if grant is None:
                return None
            run = Run(self._catalogue[grant.handler], grant, self._codec, self._clock, self._outbox)
            self._runs[key] = run
            return run
