"""Where tasks wait that servers died with. One of them runs at a time: the next death tells which it was."""

from __future__ import annotations

from collections import deque

from millhand_server.core.losses import SUSPECT_AFTER
from millhand_server.core.task import SECOND_US, Task
from millhand_server.core.transition import was_lost
from millhand_server.engine.attempts import LiveAttempt

#: A suspect that has run for as long as it ever did, at most for so long, may have company again.
_LONGEST_US = 10 * SECOND_US

#: It has so much longer, and up to four seconds more by the number of its attempt: what then kills the server
#: beside it must not do so at the same point of its run each time.
_MARGIN_US = SECOND_US // 2
_STEPS = 5


def is_suspect(task: Task) -> bool:
    """Tells whether a task has to run in quarantine."""
    return task.losses >= SUSPECT_AFTER


def alone_us(task: Task) -> int:
    """Returns how long nothing else may begin when a suspect does: until it is past where it was lost."""
    runs_us = (attempt.end_us - attempt.start_us for attempt in task.attempts if was_lost(attempt))
    longest_us = min(max(runs_us, default=0), _LONGEST_US)
    return longest_us + _MARGIN_US + task.attempt % _STEPS * SECOND_US


class Quarantine:
    """Claimed suspects in their order, and the one that runs. Belongs to the engine's loop.

    They are few, for only what ran when a server died can become one. Who waits here takes no worker's place.
    Times are monotonic.
    """

    def __init__(self) -> None:
        self._waiting: deque[LiveAttempt] = deque()
        self._running: LiveAttempt | None = None
        self._alone_until_us = 0

    @property
    def is_idle(self) -> bool:
        """Whether no suspect runs."""
        return self._running is None

    def __contains__(self, live: LiveAttempt) -> bool:
        """Tells whether an attempt waits here."""
        return live in self._waiting

    def waiting(self) -> list[LiveAttempt]:
        """Returns those that wait, first to run first."""
        return list(self._waiting)

    def add(self, live: LiveAttempt) -> None:
        self._waiting.append(live)

    def remove(self, live: LiveAttempt) -> None:
        """Takes one out that will not run.

        Raises:
            ValueError: it does not wait here.
        """
        self._waiting.remove(live)

    def next(self) -> LiveAttempt | None:
        """Returns the one that may run now, if none runs; it stays where it is until `begin`."""
        return None if self._running is not None or not self._waiting else self._waiting[0]

    def begin(self, live: LiveAttempt, now_us: int) -> None:
        """Says that the next one runs."""
        self.remove(live)
        self._running = live
        self._alone_until_us = now_us + alone_us(live.task)

    def closed_us(self, now_us: int) -> int:
        """Returns for how long nothing else may begin, 0 if something may: else it might be what kills us."""
        return 0 if self._running is None else max(0, self._alone_until_us - now_us)

    def ended(self, live: LiveAttempt) -> None:
        """Says of any attempt that its code has ended, or never began."""
        if self._running is live:
            self._running = None
