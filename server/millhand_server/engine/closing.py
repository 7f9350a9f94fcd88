"""Stops a manager: dispatch first, then the running work, then the streams."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from millhand_server.core.errors import StoreUnavailable
from millhand_server.core.execution import StopCause
from millhand_server.core.ports import Executor
from millhand_server.core.query import Seen, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.engine.answers import CloseMode, Drained
from millhand_server.engine.cancelling import LIVING
from millhand_server.engine.clock import TimedOut, within
from millhand_server.engine.dispatcher import Dispatcher
from millhand_server.engine.settler import Settler
from millhand_server.engine.shared import Shared
from millhand_server.engine.watchdog import Watchdog

logger = logging.getLogger(__name__)


class Closing:
    """The way down, walked once however often it is asked for. Belongs to the engine's loop."""

    def __init__(
        self,
        shared: Shared,
        executors: Sequence[Executor],
        dispatcher: Dispatcher,
        watchdog: Watchdog,
        settler: Settler,
    ) -> None:
        self._store = shared.store
        self._executors = executors
        self._live = shared.live
        self._dispatcher = dispatcher
        self._watchdog = watchdog
        self._settler = settler
        self._tail = shared.tail
        self._clock = shared.clock
        self._grace_us = shared.options.grace_us
        self._stop_us = shared.options.stop_us
        self._walk: asyncio.Task[Drained] | None = None
        self._hurry: asyncio.Future[None] | None = None
        #: Set when closing has begun: no new task is taken from then on.
        self.begun = asyncio.Event()

    async def close(self, mode: CloseMode, timeout_us: int | None) -> Drained:
        """Closes, or waits for the closing that is under way; NOW ends a grace that still runs."""
        if self._walk is None:
            self.begun.set()
            self._hurry = asyncio.get_running_loop().create_future()
            grace_us = self._grace_us if timeout_us is None else timeout_us
            self._walk = asyncio.create_task(self._close(grace_us), name="millhand closing")
        if mode is CloseMode.NOW and self._hurry is not None and not self._hurry.done():
            self._hurry.set_result(None)
        return await asyncio.shield(self._walk)

    async def _close(self, grace_us: int) -> Drained:
        # Nothing new begins, and what was claimed ahead goes back.
        self._dispatcher.drain()
        # Handlers may finish, knowing that they should.
        for executor in self._executors:
            executor.announce_shutdown()
        await self._until_empty(grace_us, hurry=True)
        # Those that have not are told to stop. A durable store runs them again; no retry is used.
        for live in self._live:
            self._watchdog.stop(live, StopCause.SHUTDOWN)
        await self._until_empty(self._stop_us, hurry=False)
        # Every outcome is stored and published before the streams end: a reader has it all.
        await self._until_published()
        drained = Drained(await self._left())
        self._tail.end()
        return drained

    async def _until_empty(self, limit_us: int, *, hurry: bool) -> None:
        empty = self._live.until_empty()
        if hurry and self._hurry is not None:
            self._hurry.add_done_callback(lambda _: None if empty.done() else empty.set_result(None))
        try:
            await within(self._clock, limit_us, empty)
        except TimedOut:
            return

    async def _until_published(self) -> None:
        """Waits for the last outcomes; without a store they cannot be waited for in earnest."""
        published = asyncio.ensure_future(self._publish())
        try:
            await within(self._clock, self._stop_us, published)
        except TimedOut:
            published.cancel()
            logger.warning("closing without the last outcomes, which the store did not take in time")

    async def _publish(self) -> None:
        await self._settler.until_idle()
        await self._tail.until_read()

    async def _left(self) -> dict[TaskStatus, int]:
        try:
            return await self._store.count(TaskFilter(statuses=LIVING), Seen(self._clock.now_us()), limit=0)
        except StoreUnavailable as error:
            logger.warning("cannot count what is left: %s", error.message)
            return {}
