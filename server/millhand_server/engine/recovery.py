"""What a manager does before everything else: takes back what processes held that are gone."""

from __future__ import annotations

import logging
from collections import Counter

from millhand_server.core.status import FINAL, TaskStatus
from millhand_server.core.task import Owner
from millhand_server.engine.shared import Shared

logger = logging.getLogger(__name__)

_BATCH = 500


class Recovery:
    """Runs once, before tasks are claimed and before the log is followed: nobody waits for anything yet."""

    def __init__(self, shared: Shared, owner: Owner) -> None:
        self._store = shared.store
        self._observing = shared.observing
        self._owner = owner

    async def run(self) -> None:
        """Takes everything back; what is left to run waits in the store then.

        Raises:
            StoreUnavailable: the store did not answer, and some may be left.
        """
        counts: Counter[TaskStatus] = Counter()
        more = True
        while more:
            page = await self._store.recover(self._owner, limit=_BATCH)
            self._observing.recovered(page.tasks)
            counts.update(task.status for task in page.tasks)
            more = page.more
        if counts:
            _tell(counts)


def _tell(counts: Counter[TaskStatus]) -> None:
    again = sum(count for status, count in counts.items() if status not in FINAL)
    ended = ", ".join(f"{counts[status]} are {status.name}" for status in sorted(counts) if status in FINAL)
    logger.warning(
        "took %d tasks back that an earlier process held when it ended: %d run again%s",
        counts.total(),
        again,
        f", {ended}" if ended else "",
    )
