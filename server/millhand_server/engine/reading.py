"""Reads the log of results for one reader: from a cursor, through a filter, up to its end and on."""

from __future__ import annotations

from dataclasses import dataclass

from millhand_server.core import cursor as cursors
from millhand_server.core.cursor import Cursor
from millhand_server.core.errors import InvalidArgument
from millhand_server.core.ports import LogPage
from millhand_server.core.query import EVERYTHING, TaskFilter
from millhand_server.core.task import Task
from millhand_server.engine.answers import (
    EndFrame,
    EndReason,
    GapFrame,
    KeepAliveFrame,
    ProgressFrame,
    ResultFrame,
    SlowReaderPolicy,
    StreamFrame,
)
from millhand_server.engine.shared import Shared

#: The most results, and about the most bytes of output, that one read returns.
PAGE_RESULTS = 100
PAGE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What a reader wants. `after` is a cursor as the caller sent it; empty is explained at `start_of`."""

    wanted: TaskFilter = EVERYTHING
    after: str = ""
    follow: bool = False
    close_on_completion: bool = False
    include_progress: bool = False
    policy: SlowReaderPolicy = SlowReaderPolicy.BLOCK

    def check(self) -> None:
        """Raises InvalidArgument when the parts do not go together."""
        if self.close_on_completion and not self.wanted.ids:
            raise InvalidArgument(
                "close_on_completion needs the ids of the tasks to wait for", field="filter.ids"
            )

    @property
    def follows(self) -> bool:
        return self.follow or self.close_on_completion


@dataclass(frozen=True, slots=True)
class Start:
    """Where a reader begins: after this position; `gap` tells what it cannot have any more.

    `end` is where the log ended then.
    """

    position: int
    end: int
    gap: GapFrame | None = None


def start_of(after: str, page: LogPage, epoch: str, *, from_now_on: bool) -> Start:
    """Finds the place of a cursor in the log, of which `page` tells the bounds.

    Raises:
        CursorInvalid: the cursor was not made by this service.
    """
    oldest = page.first - 1
    if not after:
        return Start(page.last if from_now_on else oldest, page.last)
    cursor = cursors.parse(after)
    if cursor is None:
        return Start(oldest, page.last)
    if cursor.epoch != epoch or cursor.position > page.last:
        return Start(oldest, page.last, GapFrame(after, Cursor(epoch, oldest), None, replaced=True))
    if cursor.position < oldest:
        gap = GapFrame(after, Cursor(epoch, oldest), oldest - cursor.position)
        return Start(oldest, page.last, gap)
    return Start(cursor.position, page.last)


class ResultReader:
    """One reader's way through the log. Belongs to the engine's loop, and to one task of it at a time.

    It pulls: nothing is kept for a reader that does not read, but where it stands.
    """

    def __init__(
        self, shared: Shared, request: ReadRequest, start: Start, *, remaining: set[str], epoch: str
    ) -> None:
        self._request = request
        self._store = shared.store
        self._tail = shared.tail
        self._epoch = epoch
        self._keep_alive_us = shared.options.keep_alive_us
        self._max_lag = shared.options.max_lag
        self._position = start.position
        self._remaining = remaining
        self._gap = start.gap
        self._first = start.gap is None
        self._was_live = False
        self._ended = False
        self._follower = shared.tail.follow(request.wanted, progress=request.include_progress)
        #: Where a reader that does not follow is done.
        self._until = start.end

    @property
    def cursor(self) -> Cursor:
        """Everything up to here was given, or did not match."""
        return Cursor(self._epoch, self._position)

    @property
    def caught_up(self) -> bool:
        """Whether everything in the log was looked at."""
        self._skip_quiet()
        return self._position >= self._tail.position

    def close(self) -> None:
        """Lets go of the tail; reading is over."""
        self._tail.unfollow(self._follower)

    async def read(self, max_results: int = PAGE_RESULTS) -> list[StreamFrame]:
        """Returns the next frames, at least one, waiting for them.

        The first is a gap or a keep-alive with the start's cursor; the last ever is an EndFrame. With
        `max_results` 0 results stay where they are. A call that is cancelled has taken nothing.
        """
        while True:
            if (frames := self._now()) or (frames := await self._results(max_results)):
                return frames
            if (frames := self._idle(max_results)) or (frames := await self._wait()):
                return frames

    def _now(self) -> list[StreamFrame]:
        if self._first:
            self._first = False
            return [KeepAliveFrame(self.cursor)]
        if self._gap is not None:
            gap, self._gap = self._gap, None
            self._position = gap.cursor.position
            return [gap]
        return []

    async def _results(self, max_results: int) -> list[StreamFrame]:
        """Reads on in the log; an empty answer means that there is nothing for this reader now."""
        while max_results > 0 and self._has_more and not self._finished:
            if self._is_too_slow():
                return await self._too_slow()
            page = await self._store.read_log(
                self._position,
                self._request.wanted,
                limit=min(max_results, PAGE_RESULTS),
                max_bytes=PAGE_BYTES,
            )
            if page.first > self._position + 1:
                return [await self._trimmed(page)]
            self._position = page.position
            if page.tasks:
                return [self._result(task) for task in page.tasks]
        return []

    @property
    def _has_more(self) -> bool:
        """Whether the log goes on; one that does not follow need not wait for the tail to know."""
        return not self.caught_up or (not self._request.follows and self._position < self._until)

    def _result(self, task: Task) -> ResultFrame:
        self._remaining.discard(task.id)
        self._follower.progress.pop(task.id, None)
        return ResultFrame(task, Cursor(self._epoch, task.position))

    async def _trimmed(self, page: LogPage) -> GapFrame:
        """Goes on with the oldest retained result, and says what is missing before it."""
        before = self.cursor
        await self._jump_to(page.first - 1)
        return GapFrame(str(before), self.cursor, self._position - before.position)

    async def _jump_to(self, position: int) -> None:
        if self._remaining:
            # What is neither to come nor there any more counts as done: its result is inside the gap.
            rows = await self._store.get(list(self._remaining))
            self._remaining = {row.id for row in rows if row and not 0 < row.position <= position}
        self._position = position

    @property
    def _finished(self) -> bool:
        """Whether a reader that waits for certain tasks has them all, or one that does not follow is done."""
        if self._request.close_on_completion:
            return not self._remaining
        return not self._request.follows and self._position >= self._until

    def _idle(self, max_results: int) -> list[StreamFrame]:
        """Returns what there is to say when no result is at hand."""
        if self._ended:
            raise RuntimeError("read() after the last frame")
        if progress := self._take_progress():
            return progress
        if self._finished:
            completed = self._request.close_on_completion
            return self._end(EndReason.COMPLETED if completed else EndReason.CAUGHT_UP)
        if self._tail.ended and (self.caught_up or max_results == 0):
            return self._end(EndReason.SHUTDOWN, "the server is shutting down; resume with the cursor")
        return []

    async def _wait(self) -> list[StreamFrame]:
        """Waits for something new; returns a keep-alive when nothing came for long."""
        if await self._follower.bell.wait(self._keep_alive_us):
            return []
        self._skip_quiet()
        return [KeepAliveFrame(self.cursor)]

    def _take_progress(self) -> list[StreamFrame]:
        progress, self._follower.progress = self._follower.progress, {}
        return [ProgressFrame(id_, attempt, last, self.cursor) for id_, (attempt, last) in progress.items()]

    def _is_too_slow(self) -> bool:
        # Catching up with an old cursor is not slowness: only who was at the end once can fall behind.
        policy, lag = self._request.policy, self._tail.position - self._position
        return policy is not SlowReaderPolicy.BLOCK and self._was_live and lag > self._max_lag

    async def _too_slow(self) -> list[StreamFrame]:
        if self._request.policy is SlowReaderPolicy.DISCONNECT:
            return self._end(
                EndReason.SLOW_READER,
                f"the reader is more than {self._max_lag} results behind; resume with the cursor",
            )
        before = self.cursor
        await self._jump_to(self._tail.position)
        missed = self._position - before.position if self._request.wanted == EVERYTHING else None
        return [GapFrame(str(before), self.cursor, missed)]

    def _end(self, reason: EndReason, message: str = "") -> list[StreamFrame]:
        self._ended = True
        return [EndFrame(reason, message, self.cursor)]

    def _skip_quiet(self) -> None:
        """Moves on over what the tail has seen and found not to match."""
        follower = self._follower
        if self._position >= follower.quiet_from:
            self._position = max(self._position, follower.looked_at)
            self._was_live = True
