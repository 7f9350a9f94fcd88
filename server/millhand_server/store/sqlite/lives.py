"""Until when owners of tasks are known to have lived."""

from __future__ import annotations

from millhand_server.core.task import Owner, Task


class Lives:
    """Owners that were heard of in this process live; all others ended with the process before it."""

    def __init__(self, earlier_until_us: int) -> None:
        """Takes when the process before this one was last seen."""
        self._earlier_until_us = earlier_until_us
        self._here: set[int] = set()

    def note(self, owner: Owner) -> None:
        """Says that an owner lives in this process."""
        self._here.add(owner.epoch)

    def seen_us(self, row: Task, now_us: int) -> int:
        """Returns when the row's owner was last known to live."""
        is_here = row.owner is not None and row.owner.epoch in self._here
        return now_us if is_here else min(self._earlier_until_us, now_us)
