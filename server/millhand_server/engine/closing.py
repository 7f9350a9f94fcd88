"""Stops a manager: dispatch first, then the running work, then the streams."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

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

#: A year, for a grace is a timer's delay, and those have bounds.
_LONGEST_GRACE_US = 365 * 24 * 3600 * 1_000_000


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
        self._grace_is_over = asyncio.Event()
        #: Set when closing has begun: no new task is taken from then on.
        self.begun = asyncio.Event()

    async def close(self, mode: CloseMode, timeout_us: int | None) -> Drained:
        """Closes, or waits for the closing that is under way; NOW ends a grace that still runs."""
        if self._walk is None:
            self.begun.set()
            self._walk = asyncio.create_task(self._close(), name="millhand closing")
        if mode is CloseMode.NOW:
            self._end_grace()
        else:
            # Of several calls the one that ends first counts: nobody can lengthen what another has asked for.
            grace_us = self._grace_us if timeout_us is None else timeout_us
            self._clock.call_later(min(grace_us, _LONGEST_GRACE_US), self._end_grace)
        return await asyncio.shield(self._walk)

    def _end_grace(self) -> None:
        self._grace_is_over.set()

    async def _close(self) -> Drained:
        # Nothing new begins, and what was claimed ahead goes back.
        self._dispatcher.drain()
        # Who waits for a task that will not begin here need not wait for the grace to learn it.
        await self._until_published()
        self._tail.refuse(lambda task_id: self._live.of_task(task_id) is None)
        # Handlers may finish, knowing that they should.
        for executor in self._executors:
            executor.announce_shutdown()
        await self._until_empty_or(self._grace_is_over)
        # Those that have not are told to stop. A durable store runs them again; no retry is used.
        for live in self._live:
            self._watchdog.stop(live, StopCause.SHUTDOWN)
        stop = asyncio.Event()
        self._clock.call_later(self._stop_us, stop.set)
        await self._until_empty_or(stop)
        # Every outcome is stored and published before the streams end: a reader has it all.
        await self._until_published()
        drained = Drained(await self._left())
        self._tail.end()
        return drained

    async def _until_empty_or(self, over: asyncio.Event) -> None:
        """Returns when no attempt is left, or the event is set."""
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(over.wait()), self._live.until_empty()]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

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
