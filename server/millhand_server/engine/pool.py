"""One executor as the dispatcher sees it: its places, and how far claims may reach ahead of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from millhand_server.core.execution import Grant, Isolation
from millhand_server.core.ports import Executor
from millhand_server.engine.attempts import LiveAttempt
from millhand_server.engine.lanebook import LaneBook

#: However quick the handlers are, no more than this many grants wait in an executor.
_MOST_AHEAD = 256

#: How much one more measured duration counts in the average.
_WEIGHT = 0.1


class Pool:
    """Counts the grants that an executor holds. Belongs to the engine's loop."""

    def __init__(self, executor: Executor, *, workers: int, claim_ahead_us: int) -> None:
        self.executor = executor
        self.workers = workers
        #: The lanes whose tasks it runs.
        self.lanes = LaneBook()
        # As `workers`, but of those that were taken away the ones count on that still run something.
        self._width = workers
        self._claim_ahead_us = claim_ahead_us
        self._granted = 0
        self._held: Counter[str] = Counter()
        self._overestimated = False
        self._mean_us: dict[str, float] = {}

    @property
    def busy(self) -> int:
        """How many of its workers have something to run."""
        return min(self._granted, self.workers)

    @property
    def running(self) -> int:
        """How many attempts run at once, those of workers that were taken away included."""
        # Asked several times for every task: without a call of min() or max() it costs a third.
        return self._granted if self._granted < self._width else self._width

    @property
    def free(self) -> int:
        """How many more attempts could start at once."""
        return self.workers - self._granted if self._granted < self.workers else 0

    def ahead(self, handlers: Iterable[str]) -> int:
        """Returns how many more grants of these handlers may wait for a worker, besides those that start now.

        As many as would start within the reach of claims at the measured durations of these handlers and
        of those before them; none while one of them is unmeasured or slow. None either after a grant came
        back, until an attempt ends: the one in front takes longer than its handler usually does. Loops do
        not queue, so they never claim ahead.
        """
        if self._overestimated:
            return 0
        means = [self._mean_us.get(handler) for handler in {*handlers, *self._held}]
        if self.executor.isolation is Isolation.ASYNC or self.workers == 0 or None in means:
            return 0
        slowest_us = max((mean for mean in means if mean is not None), default=0.0)
        reach = self.workers * self._claim_ahead_us / max(slowest_us, 1.0)
        if reach < 2 * self.workers:
            return 0
        return max(0, min(_MOST_AHEAD, int(reach)) - max(0, self._granted - self.workers))

    def submit(self, grants: Sequence[Grant]) -> None:
        self.hold([grant.handler for grant in grants])
        self.executor.submit(grants)

    def hold(self, handlers: Sequence[str]) -> None:
        """Takes a place for one attempt of each handler; alone, for those that the executor does not see."""
        self._granted += len(handlers)
        self._held.update(handlers)

    def give_back(self, live: LiveAttempt, now_mono_us: int) -> None:
        """Takes the place of an attempt back, and learns how long its handler takes."""
        handler = live.task.spec.handler
        self._granted -= 1
        self._held[handler] -= 1
        if not self._held[handler]:
            del self._held[handler]
        self._overestimated = live.started_mono_us is None
        if live.started_mono_us is None:
            return
        self._width = max(self.workers, self._width - 1)
        took_us = now_mono_us - live.started_mono_us
        mean_us = self._mean_us.get(handler, float(took_us))
        self._mean_us[handler] = mean_us + _WEIGHT * (took_us - mean_us)

    def mean_us(self, handler: str) -> float | None:
        """Returns how long the handler takes on average, in microseconds; None while that is not known."""
        return self._mean_us.get(handler)

    def resize(self, workers: int) -> None:
        self.executor.resize(workers)
        self._width = max(workers, self.running)
        self.workers = workers
