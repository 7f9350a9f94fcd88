"""Turns what executors report into transitions, stores them in batches, and passes on what came of them."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from millhand_server.core import transition
from millhand_server.core.errors import StoreUnavailable
from millhand_server.core.execution import (
    Finished,
    Frame,
    Heartbeat,
    Outcome,
    Progressed,
    Returned,
    Started,
    StopCause,
    Stopped,
)
from millhand_server.core.outcome import Ended, decide, may_retry
from millhand_server.core.ports import Applied
from millhand_server.core.status import FINAL
from millhand_server.core.task import AttemptKey, Progress, Task, TaskError
from millhand_server.core.transition import Reported, Transition
from millhand_server.engine.attempts import LiveAttempt
from millhand_server.engine.clock import Wakeup
from millhand_server.engine.shared import Shared
from millhand_server.engine.trouble import Trouble

logger = logging.getLogger(__name__)

_RETRY_US = 100_000


class Settler:
    """The one way in which a task changes after its claim. Belongs to the engine's loop.

    While one batch is being stored the next one gathers. A batch that the store could not take, or may have
    taken, is offered again until it is done: guards make that safe, and all that follows from a row is
    derived from the row as it is then.
    """

    def __init__(self, shared: Shared, random_source: random.Random) -> None:
        self._store = shared.store
        self._live = shared.live
        self._tail = shared.tail
        self._observing = shared.observing
        self._catalogue = shared.catalogue
        self._clock = shared.clock
        self._node = shared.node
        self._random = random_source
        self._frames: list[Frame] = []
        self._early: list[Transition] = []
        self._wakeup = Wakeup(shared.clock)
        self._trouble = Trouble(logger, shared.clock, "storing what became of attempts")
        self._idle = asyncio.Event()
        self._idle.set()
        #: Called when an attempt's code has ended or never began, when one began, and for rows that wait.
        self.on_freed: Callable[[Sequence[LiveAttempt]], None] = _ignore
        self.on_started: Callable[[LiveAttempt], None] = _ignore
        self.on_waiting: Callable[[Sequence[Task]], None] = _ignore
        #: Whether the store took the last batch it was offered.
        self.store_is_available = True

    def take(self, frames: Sequence[Frame]) -> None:
        """Takes frames from an executor."""
        self._frames.extend(frames)
        self._ring()

    def end_early(self, live: LiveAttempt, cause: StopCause) -> None:
        """Lets the task go on although the attempt's code still runs; what it says later is dropped."""
        live.settled = True
        self._early.append(self._ended(live, Stopped(), cause, self._clock.now_us()))
        self._ring()

    def may_retry(self, live: LiveAttempt, cause: StopCause) -> bool:
        """Tells whether the task would get another attempt if this one ended for that cause."""
        retries = self._catalogue[live.task.spec.handler].retries_of(live.task.spec)
        return may_retry(live.task, self._facts(live, Stopped(), cause, 0), retries)

    async def until_idle(self) -> None:
        """Returns when everything taken so far is stored and passed on."""
        await self._idle.wait()

    async def run(self) -> None:
        """Settles, for ever."""
        while True:
            await self._wakeup.wait()
            while self._frames or self._early:
                transitions, freed = self._collect()
                if transitions:
                    applied = await self._apply(transitions)
                    self._observing.settled(transitions, applied, self._live)
                    self._pass_on(applied)
                if freed:
                    for live in freed:
                        self._live.remove(live)
                    self.on_freed(freed)
            self._idle.set()

    def _ring(self) -> None:
        self._idle.clear()
        self._wakeup.ring()

    def _collect(self) -> tuple[list[Transition], list[LiveAttempt]]:
        frames, self._frames = self._frames, []
        early, self._early = self._early, []
        began: dict[AttemptKey, LiveAttempt] = {}
        ends: list[Transition] = []
        freed: list[LiveAttempt] = []
        now_mono_us = self._clock.monotonic_us()
        for frame in frames:
            live = self._live.get(frame.key)
            if live is None:
                continue
            match frame:
                case Started():
                    live.start_us, live.worker = frame.at_us, frame.worker
                    live.started_mono_us = now_mono_us
                    began[frame.key] = live
                case Progressed():
                    self._progressed(live, frame)
                case Heartbeat():
                    live.reported = Reported(None, frame.details, frame.at_us)
                case Finished():
                    # Stored in one step when start and end arrive together.
                    began.pop(frame.key, None)
                    freed.append(live)
                    if not live.settled:
                        ends.append(self._ended(live, frame.outcome, live.cause, frame.at_us))
                case Returned():
                    freed.append(live)
                    ends.append(self._returned(live))
        starts = [self._began(live) for live in began.values()]
        return [*starts, *early, *ends], freed

    def _began(self, live: LiveAttempt) -> Transition:
        live.notify()
        self.on_started(live)
        return transition.started(live.key, at_us=live.start_us or 0, worker=live.worker)

    def _progressed(self, live: LiveAttempt, frame: Progressed) -> None:
        if live.settled:
            return
        live.progress = Progress(frame.fraction, frame.message, frame.at_us)
        self._tail.publish_progress(live.task, live.progress)

    def _returned(self, live: LiveAttempt) -> Transition:
        if live.started:
            # A suspect, whose start was stored before it was submitted.
            return self._ended(live, Stopped(), live.cause or StopCause.SHUTDOWN, self._clock.now_us())
        if live.cause is StopCause.DEADLINE:
            return transition.overdue_claimed(live.key, overdue_error(live.task, live.task.start_by_us or 0))
        return transition.returned(live.key)

    def _ended(self, live: LiveAttempt, outcome: Outcome, cause: StopCause | None, end_us: int) -> Transition:
        retries = self._catalogue[live.task.spec.handler].retries_of(live.task.spec)
        return decide(live.task, self._facts(live, outcome, cause, end_us), retries, self._random)

    def _facts(self, live: LiveAttempt, outcome: Outcome, cause: StopCause | None, end_us: int) -> Ended:
        return Ended(
            outcome=outcome,
            cause=cause,
            node=self._node,
            worker=live.worker,
            start_us=live.start_us or end_us,
            end_us=end_us,
            told=live.told(),
        )

    async def _apply(self, transitions: Sequence[Transition]) -> list[Applied]:
        while True:
            try:
                applied = await self._store.apply(transitions)
            except StoreUnavailable as error:
                self.store_is_available = False
                self._trouble.goes_on(error)
                await Wakeup(self._clock).wait(_RETRY_US)
            else:
                self.store_is_available = True
                self._trouble.is_over()
                return applied

    def _pass_on(self, applied: Sequence[Applied]) -> None:
        rows = [result.task for result in applied if result.task is not None]
        final: list[Task] = []
        waiting: list[Task] = []
        for row in rows:
            if row.status in FINAL:
                final.append(row)
            elif row.owner is None:
                waiting.append(row)
            elif (live := self._live.get(row.key)) is not None:
                live.task = row
        if waiting:
            self.on_waiting(waiting)
        self._tail.advance(final)


def overdue_error(task: Task, now_us: int) -> TaskError:
    """Returns the error of a task that waited too long: past its deadline, or past its start timeout."""
    deadline_us = task.spec.deadline_us
    if deadline_us is not None and deadline_us <= now_us:
        return transition.timeout_error("deadline", "the task's deadline passed before it ran")
    return transition.timeout_error("start", "the task waited longer than its start timeout")


def _ignore(_: object) -> None:
    """Does nothing: nobody listens."""
