"""A thread that does what has gathered for it in groups, and wakes the event loop once a group."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from millhand_server.core.errors import StoreUnavailable

T = TypeVar("T")
P = TypeVar("P")

logger = logging.getLogger(__name__)


class Job:
    """One piece of work, and what came of it: `result`, or `error`.

    `is_lasting`: what it does is to outlive a loss of power, too, and not the process alone. `part`, if there
    is one, is what `work` is to be done with; jobs of the same work are then done at once, with all parts.
    """

    __slots__ = ("error", "future", "is_lasting", "part", "result", "work")

    def __init__(
        self, work: Callable[..., Any], part: Any, future: asyncio.Future[Any], is_lasting: bool
    ) -> None:
        self.work = work
        self.part = part
        self.future = future
        self.is_lasting = is_lasting
        self.result: Any = None
        self.error: BaseException | None = None


class JobThread:
    """Takes jobs on the loop, and hands all that have gathered to `do`, which sets their results.

    If `do` returns something, it is called on the loop before anyone has an answer. There is no delay to let
    more gather: the next group does so while this one is done.
    """

    def __init__(self, name: str, do: Callable[[Sequence[Job]], Callable[[], None] | None]) -> None:
        self._do = do
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._is_stopped = False
        # It does not keep the process alive: what was not acknowledged may be lost.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Any], T], *, is_lasting: bool = True) -> asyncio.Future[T]:
        """Has the work done, some time after all that was submitted before; a future of what it returns."""
        return self._put(work, None, is_lasting)

    def submit_part(self, work: Callable[[Any, list[P]], list[T]], part: P) -> asyncio.Future[T]:
        """Has a part of some lasting work done, together with the parts that gathered meanwhile.

        `work` takes them all and returns what comes of each. It may come before work that was submitted
        earlier and is not done.
        """
        return self._put(work, part, True)

    async def stop(self) -> None:
        """Returns when all that was submitted before is done; later work is refused."""
        self._is_stopped = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _put(self, work: Callable[..., Any], part: Any, is_lasting: bool) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._is_stopped:
            future.set_exception(StoreUnavailable("the store is closed"))
        else:
            self._jobs.put(Job(work, part, future, is_lasting))
        return future

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            group: list[Job] = []
            goes_on = self._gather(group)
            before_answers: Callable[[], None] | None = None
            try:
                before_answers = self._do(group)
            except Exception as error:
                # A fault of ours. It is those callers' to hear of; the thread has others to serve.
                logger.exception("a group of %d jobs failed", len(group))
                for job in group:
                    job.error = job.error or error
            goes_on = self._answer(group, before_answers) and goes_on

    def _gather(self, group: list[Job]) -> bool:
        """Fills the group with what is there, and waits for that; False when it is the last one."""
        job = self._jobs.get()
        try:
            while job is not None:
                group.append(job)
                job = self._jobs.get_nowait()
        except Empty:
            return True
        return False

    def _answer(self, group: list[Job], before_answers: Callable[[], None] | None) -> bool:
        try:
            self._loop.call_soon_threadsafe(_resolve, group, before_answers)
        except RuntimeError:
            # The loop is closed: nobody waits for these any more, nor will for others.
            return False
        return True


def _resolve(group: Sequence[Job], before_answers: Callable[[], None] | None) -> None:
    if before_answers is not None:
        before_answers()
    for job in group:
        # Whoever waited may have been cancelled meanwhile.
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
