"""Says in the log what goes wrong again and again: when it begins, from time to time, and when it is over."""

from __future__ import annotations

import logging

from millhand_server.core.errors import MillhandError
from millhand_server.core.ports import Clock

#: How often a trouble that goes on is told again.
_INTERVAL_US = 10_000_000


class Trouble:
    """One thing that a part of the engine cannot do for a while. Belongs to the engine's loop."""

    def __init__(self, logger: logging.Logger, clock: Clock, what: str) -> None:
        """Takes what is not done then, as the start of a sentence: "claiming tasks"."""
        self._logger = logger
        self._clock = clock
        self._what = what
        self._told_us: int | None = None

    def goes_on(self, error: MillhandError) -> None:
        """Says of one more try that it failed."""
        now_us = self._clock.monotonic_us()
        if self._told_us is None or now_us - self._told_us >= _INTERVAL_US:
            self._told_us = now_us
            self._logger.warning("%s fails and is tried again: %s", self._what, error.message)

    def is_over(self) -> None:
        """Says that it went well."""
        if self._told_us is not None:
            self._told_us = None
            self._logger.warning("%s goes well again", self._what)
