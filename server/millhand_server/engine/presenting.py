"""Shows tasks as readers see them: the row, with what only this node and this moment know."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from millhand_server.core.query import Seen, shown_status
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Task
from millhand_server.engine.dispatcher import Dispatcher
from millhand_server.engine.shared import Shared


class Presenting:
    """Adds derived statuses, live progress and stuck code to rows. Belongs to the engine's loop."""

    def __init__(self, shared: Shared, dispatcher: Dispatcher) -> None:
        self._live = shared.live
        self._dispatcher = dispatcher
        self._clock = shared.clock

    async def seen(self) -> Seen:
        """Returns what decides shown statuses now."""
        return Seen(self._clock.now_us(), await self._dispatcher.limited_heads())

    async def present(self, tasks: Iterable[Task]) -> tuple[Task, ...]:
        """Returns the tasks as they are to be shown."""
        rows = tuple(tasks)
        if not rows:
            return ()
        waiting = any(row.status is not TaskStatus.RUNNING and not row.is_final for row in rows)
        seen = await self.seen() if waiting else Seen(0)
        return tuple(self._show(row, seen) for row in rows)

    def _show(self, row: Task, seen: Seen) -> Task:
        live = self._live.of_task(row.id)
        if row.is_final:
            return msgspec.structs.replace(row, stuck=True) if live is not None and live.stuck else row
        status = shown_status(row, seen)
        if live is not None and live.started and not live.settled:
            return msgspec.structs.replace(
                row, status=status, stuck=live.stuck, progress=live.progress or row.progress
            )
        return row if status is row.status else msgspec.structs.replace(row, status=status)
