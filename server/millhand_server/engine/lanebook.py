"""What a dispatcher knows of lanes: which have something due, and when the others will."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush

from millhand_server.core.ports import LaneHead
from millhand_server.core.task import Lane

#: Lanes of this many queues are asked for at once. Order holds within a queue; queues take turns.
_QUEUES_AT_ONCE = 64

#: A lane that the store holds not due yet is asked again no sooner than this: two clocks may differ.
_LEAST_WAIT_US = 5_000


class LaneBook:
    """The lanes of one executor. Costs do not grow with their number: callers name the queues.

    A lane that has something due stays due whatever the clock says later: clocks jump.
    """

    def __init__(self) -> None:
        self._due: dict[str, set[Lane]] = {}
        self._later: dict[Lane, int] = {}
        self._heap: list[tuple[int, Lane]] = []

    @property
    def has_due(self) -> bool:
        """Whether something is known to be due; a time that has come since is not looked at."""
        return bool(self._due)

    def offer(self, lane: Lane, due_us: int, now_us: int) -> None:
        """Says that a task of the lane is due at that time."""
        if due_us <= now_us:
            self._due.setdefault(lane.queue, set()).add(lane)
        elif due_us < self._later.get(lane, due_us + 1):
            # A later time is found out when this one has come, so that the heap holds few entries of a lane.
            self._later[lane] = due_us
            heappush(self._heap, (due_us, lane))

    def note(self, head: LaneHead, now_us: int) -> None:
        """Takes note of what the store said of a lane."""
        if head.head_id is not None:
            self.offer(head.lane, now_us, now_us)
        elif head.next_due_us is not None:
            self.offer(head.lane, max(head.next_due_us, now_us + _LEAST_WAIT_US), now_us)

    def due(self, now_us: int) -> tuple[Lane, ...]:
        """Returns the due lanes of the queues whose turn it is; empty when nothing is due."""
        if self._heap:
            self._promote(now_us)
        if not self._due:
            return ()
        lanes: list[Lane] = []
        for turn, queued in enumerate(self._due.values()):
            if turn == _QUEUES_AT_ONCE:
                break
            lanes.extend(queued)
        return tuple(lanes)

    def take_out(self, lanes: Iterable[Lane]) -> None:
        """Forgets due lanes, for the store is about to say how they stand; noted again, they come last."""
        for lane in lanes:
            queued = self._due[lane.queue]
            queued.discard(lane)
            if not queued:
                del self._due[lane.queue]

    def next_due_us(self) -> int | None:
        """Returns when the next lane that is not due will be; None when none waits for its time."""
        while self._heap and self._later.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def entry_count(self) -> int:
        """Counts the times held, outdated ones included: what the book costs in memory."""
        return len(self._heap)

    def _promote(self, now_us: int) -> None:
        while (due_us := self.next_due_us()) is not None and due_us <= now_us:
            _, lane = heappop(self._heap)
            del self._later[lane]
            self.offer(lane, due_us, now_us)
