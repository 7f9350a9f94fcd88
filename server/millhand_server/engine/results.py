"""Opens readers of the log, and reads single pages of it."""

from __future__ import annotations

from millhand_server.core.cursor import OLDEST, Cursor
from millhand_server.core.errors import TaskNotFound
from millhand_server.core.ports import LogPage
from millhand_server.core.query import EVERYTHING, TaskFilter
from millhand_server.engine.answers import GapFrame, ResultFrame, ResultsPage
from millhand_server.engine.reading import ReadRequest, ResultReader, Start, start_of
from millhand_server.engine.shared import Shared

#: Reading past every position that there can be tells the log's bounds.
_PAST_THE_END = 2**62


class Results:
    """The log, as callers ask for it. Belongs to the engine's loop."""

    def __init__(self, shared: Shared, epoch: str) -> None:
        self._shared = shared
        self._store = shared.store
        self._epoch = epoch

    async def open_reader(self, request: ReadRequest) -> ResultReader:
        """Returns a reader in its place; it must be closed.

        Raises:
            InvalidArgument: the parts of the request do not go together.
            CursorInvalid: its cursor was not made by this service.
            TaskNotFound: close_on_completion names a task that is not known.
        """
        request.check()
        bounds = await self._bounds()
        from_now_on = request.follow and not request.wanted.ids
        start = start_of(request.after, bounds, self._epoch, from_now_on=from_now_on)
        # Who resumes may have had results that are gone since, and their tasks with them.
        resumes = request.after not in ("", OLDEST) and bounds.first > 1
        remaining = await self._remaining(request, start, may_be_gone=resumes or start.gap is not None)
        return ResultReader(self._shared, request, start, remaining=remaining, epoch=self._epoch)

    async def page(self, wanted: TaskFilter, after: str, *, limit: int, max_bytes: int) -> ResultsPage:
        """Returns up to `limit` results after a cursor, without waiting for any."""
        start = start_of(after, await self._bounds(), self._epoch, from_now_on=False)
        position = start.position
        results: list[ResultFrame] = []
        gap = start.gap
        while not results:
            page = await self._store.read_log(position, wanted, limit=limit, max_bytes=max_bytes)
            if gap is None and page.first > position + 1:
                oldest = Cursor(self._epoch, page.first - 1)
                gap = GapFrame(str(Cursor(self._epoch, position)), oldest, oldest.position - position)
            results = [ResultFrame(task, Cursor(self._epoch, task.position)) for task in page.tasks]
            position = max(position, page.position)
            if position >= page.last:
                break
        return ResultsPage(tuple(results), Cursor(self._epoch, position), gap)

    async def _bounds(self) -> LogPage:
        return await self._store.read_log(_PAST_THE_END, EVERYTHING, limit=1, max_bytes=1)

    async def _remaining(self, request: ReadRequest, start: Start, *, may_be_gone: bool) -> set[str]:
        """Returns the tasks whose results are to come, for a reader that ends after them.

        With `may_be_gone` an unknown task counts as done.
        """
        if not request.close_on_completion:
            return set()
        remaining: set[str] = set()
        ids = sorted(request.wanted.ids)
        for task_id, row in zip(ids, await self._store.get(ids), strict=True):
            if row is None and not may_be_gone:
                raise TaskNotFound(task_id, field="filter.ids")
            if row is not None and not 0 < row.position <= start.position:
                remaining.add(task_id)
        return remaining
