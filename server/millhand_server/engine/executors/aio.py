"""Runs `async def` handlers on an event loop of their own, in one thread."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from millhand_server.core.execution import (
    Frame,
    Grant,
    Isolation,
    Outcome,
    Returned,
    Started,
    StopCause,
    Stopped,
)
from millhand_server.core.ports import Clock, PayloadCodec
from millhand_server.core.task import AttemptKey
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.executors.thread import STOP_REASONS
from millhand_server.engine.outbox import Outbox
from millhand_server.engine.runner import Run

WORKER = "millhand-async"

#: How long cancelled handlers may take to clean up after the executor was stopped.
_LAST_WORDS_S = 1.0

logger = logging.getLogger(__name__)


class AsyncExecutor:
    """One thread with one loop; how many attempts share it is the dispatcher's to bound.

    It is not the engine's loop, so that a handler that forgets to await holds up other async handlers and
    never an RPC.
    """

    isolation = Isolation.ASYNC

    def __init__(self, catalogue: Catalogue, codec: PayloadCodec, clock: Clock) -> None:
        self._catalogue = catalogue
        self._codec = codec
        self._clock = clock
        self._pending: dict[AttemptKey, Grant] = {}
        self._runs: dict[AttemptKey, tuple[Run, asyncio.Task[Outcome]]] = {}
        self._workers = 0
        self._shutting_down = False
        self._stopping = False

    def start(self, sink: Callable[[Sequence[Frame]], None], *, workers: int) -> None:
        self._outbox = Outbox(asyncio.get_running_loop(), sink)
        self._workers = workers
        self._loop = asyncio.new_event_loop()
        # The threads of `asyncio.to_thread`, named as ours: what ends the process must know them.
        self._loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix=WORKER))
        threading.Thread(target=self._serve, name=WORKER, daemon=True).start()

    def submit(self, grants: Sequence[Grant]) -> None:
        if self._workers == 0:
            self._outbox.put(*(Returned(grant.key) for grant in grants))
            return
        for grant in grants:
            self._pending[grant.key] = grant
        self._loop.call_soon_threadsafe(self._begin, [grant.key for grant in grants])

    def signal(self, keys: Sequence[AttemptKey], cause: StopCause) -> None:
        # Only what was not given back: that may be submitted again before the loop gets round to the signal.
        begun = [key for key in keys if not self._give_back(key)]
        if begun:
            self._loop.call_soon_threadsafe(self._signal, begun, cause)

    def recall(self, keys: Sequence[AttemptKey]) -> None:
        for key in keys:
            self._give_back(key)

    def announce_shutdown(self) -> None:
        self._loop.call_soon_threadsafe(self._announce_shutdown)

    def resize(self, workers: int) -> None:
        """Tells only none from some: a loop has no workers to add, and the dispatcher bounds the attempts."""
        self._workers = workers
        if workers == 0:
            self.recall(list(self._pending))

    async def stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _give_back(self, key: AttemptKey) -> bool:
        if self._pending.pop(key, None) is None:
            return False
        self._outbox.put(Returned(key))
        return True

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(_log_unhandled)
        while not self._stopping:
            self._run_loop()
        # What still runs was left behind by a manager that has closed: nobody waits for its outcome.
        left_behind = [task for _, task in self._runs.values()]
        for task in left_behind:
            task.cancel()
        if left_behind:
            self._loop.run_until_complete(asyncio.wait(left_behind, timeout=_LAST_WORDS_S))
        self._loop.close()

    def _run_loop(self) -> None:
        try:
            self._loop.run_forever()
        except (SystemExit, KeyboardInterrupt) as error:
            # asyncio lets these two out of a handler's own tasks and callbacks; they are not for the loop,
            # which others share.
            logger.warning("a task or callback of a handler raised %s", type(error).__name__)

    def _begin(self, keys: Sequence[AttemptKey]) -> None:
        for key in keys:
            grant = self._pending.pop(key, None)
            if grant is not None:
                self._attempt(grant)

    def _attempt(self, grant: Grant) -> None:
        run = Run(self._catalogue[grant.handler], grant, self._codec, self._clock, self._outbox)
        if self._shutting_down:
            run.signal_shutdown()
        self._outbox.put(Started(grant.key, WORKER, self._clock.now_us()))
        task = self._loop.create_task(run.call_async(), name=f"{grant.handler} {grant.key.task_id}")
        self._runs[grant.key] = (run, task)
        task.add_done_callback(lambda done: self._finish(run, done))

    def _finish(self, run: Run, task: asyncio.Task[Outcome]) -> None:
        del self._runs[run.grant.key]
        # A task that is cancelled before its first step never enters the handler.
        outcome = Stopped() if task.cancelled() else task.result()
        self._outbox.put(*run.finished(outcome))

    def _signal(self, keys: Sequence[AttemptKey], cause: StopCause) -> None:
        for run, task in (self._runs[key] for key in keys if key in self._runs):
            # Raised once: a second signal would cut the handler's cleaning up.
            if run.signal(STOP_REASONS[cause]) and run.handler.raise_on_cancel:
                # A shield may be left in another thread, where a task cannot be cancelled directly.
                cancel = functools.partial(self._loop.call_soon_threadsafe, task.cancel)
                run.when_unshielded(cancel)

    def _announce_shutdown(self) -> None:
        self._shutting_down = True
        for run, _ in self._runs.values():
            run.signal_shutdown()


def _log_unhandled(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Logs what a handler's own task or callback raised: without its text, which may quote a payload."""
    error = context.get("exception")
    logger.warning(
        "%s%s",
        context.get("message", "a task or callback of a handler failed"),
        f": {type(error).__name__}" if error is not None else "",
    )
    logger.debug("the text of that exception", exc_info=error)
