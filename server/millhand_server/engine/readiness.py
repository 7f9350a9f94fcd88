"""Whether the engine can take and run tasks, for health checks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from millhand_server.engine.assembly import Engine
from millhand_server.engine.clock import Wakeup

logger = logging.getLogger(__name__)

_INTERVAL_US = 250_000


class Readiness:
    """Looks a few times a second; tells subscribers of every change. Belongs to the engine's loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._subscribers: list[Callable[[bool], None]] = []
        self._told = True
        #: Set when a loop of the engine has ended by an error: the process should end, and say so.
        self.broken = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Not while closing, without the store, or when stuck code holds every worker."""
        engine = self._engine
        return not (
            self.broken.is_set()
            or engine.closing.begun.is_set()
            or not engine.dispatcher.store_is_available
            or not engine.settler.store_is_available
            or engine.shared.live.stuck() >= max(1, engine.dispatcher.workers)
        )

    def subscribe(self, callback: Callable[[bool], None]) -> None:
        """Calls back with the state now, and at each change."""
        self._subscribers.append(callback)
        callback(self.ready)

    def loop_ended(self, task: asyncio.Task[None]) -> None:
        """Takes note of an ended loop of the engine; none of them ends by itself but by an error."""
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.critical("%s ended by an error", task.get_name(), exc_info=error)
            self.broken.set()

    async def run(self) -> None:
        """Looks, for ever."""
        wakeup = Wakeup(self._engine.shared.clock)
        while True:
            if self.ready is not self._told:
                self._told = self.ready
                for callback in self._subscribers:
                    callback(self._told)
            await wakeup.wait(_INTERVAL_US)
