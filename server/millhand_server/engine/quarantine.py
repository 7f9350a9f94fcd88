"""Where tasks wait that servers died with. One of them runs at a time: the next death tells which it was."""

from __future__ import annotations

from collections import deque

from millhand_server.core.losses import SUSPECT_AFTER
from millhand_server.core.task import Task
from millhand_server.engine.attempts import LiveAttempt


def is_suspect(task: Task) -> bool:
    """Tells whether a task has to run in quarantine."""
    return task.losses >= SUSPECT_AFTER


class Quarantine:
    """Claimed suspects in their order, and the one that runs. Belongs to the engine's loop.

    They are few, for only what ran when a server died can become one. Who waits here takes no worker's place.
    """

    def __init__(self) -> None:
        self._waiting: deque[LiveAttempt] = deque()
        self._running: LiveAttempt | None = None

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

    def begin(self, live: LiveAttempt) -> None:
        """Says that the next one runs."""
        self.remove(live)
        self._running = live

    def ended(self, live: LiveAttempt) -> None:
        """Says of any attempt that its code has ended, or never began."""
        if self._running is live:
            self._running = None
