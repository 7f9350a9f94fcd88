"""When a broken stream is opened again: what may be tried, how soon, and when to give up."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from millhand import errors

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 5.0


class Clock(Protocol):
    """Time as a client needs it; `grpc_testing.strict_fake_time` is one."""

    def time(self) -> float: ...

    def sleep_for(self, duration: float) -> None: ...


class Reconnect:
    """The patience of one stream.

    A stream that never began fails like any call. One that did is tried again for `patience_s` seconds (None:
    for ever) after it broke, with full jitter, for the loss is likely to be the server's and to hit everybody
    at once.
    """

    def __init__(self, patience_s: float | None, jitter: Callable[[], float] = random.random) -> None:
        self._patience_s = patience_s
        self._jitter = jitter
        self._began = False
        self._broken_at: float | None = None
        self._tries = 0

    def progressed(self) -> None:
        """Something came: the stream has begun, and what broke before is forgiven."""
        self._began = True
        self._broken_at = None
        self._tries = 0

    def delay_after(self, error: errors.MillhandError, now: float) -> float:
        """How many seconds to wait before the next try.

        Raises:
            MillhandError: `error` itself, if trying again is of no use or was tried for long enough.
        """
        if not self._began or not isinstance(error, errors.Unavailable | errors.TooManyStreams):
            raise error
        if self._broken_at is None:
            self._broken_at = now
        if self._patience_s is not None and now - self._broken_at >= self._patience_s:
            raise error
        delay = min(FIRST_DELAY_S * 2.0**self._tries, LONGEST_DELAY_S) * self._jitter()
        self._tries += 1
        if error.retry_after is not None:
            return max(delay, error.retry_after.total_seconds())
        return delay
