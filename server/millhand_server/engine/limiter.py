"""The token bucket that bounds how many attempts start per second."""

from __future__ import annotations

from millhand_server.core.ports import Clock
from millhand_server.core.task import SECOND_US


class TokenBucket:
    """Lets `rate` starts pass per second, in bursts of a tenth of a second's worth, at least one.

    It is asked what is available before tasks are claimed and charged for what was claimed, so that an
    expired or cancelled task never costs a token.
    """

    def __init__(self, rate: float, clock: Clock) -> None:
        """Takes the rate in starts per second; 0 is no limit."""
        self._rate = rate
        self._clock = clock
        self._burst = max(1.0, rate / 10)
        self._tokens = self._burst
        self._filled_us = clock.monotonic_us()

    @property
    def limited(self) -> bool:
        """Whether there is a limit at all."""
        return self._rate > 0

    @property
    def rate(self) -> float:
        return self._rate

    def available(self) -> int:
        """Returns how many attempts may start now."""
        self._fill()
        # The margin forgives what rounding to microseconds takes, or a wait of exactly one token's time
        # would find 0.999999 of it.
        return int(self._tokens + 1e-6)

    def charge(self, starts: int) -> None:
        """Takes the tokens of attempts that were claimed."""
        self._tokens -= starts

    def refund(self, starts: int) -> None:
        """Gives back the tokens of attempts that will not start after all."""
        self._tokens = min(self._burst, self._tokens + starts)

    def wait_us(self) -> int:
        """Returns how long it is until the next attempt may start; 0 if one may now."""
        if not self.limited or self.available() >= 1:
            return 0
        return int((1 - self._tokens) / self._rate * SECOND_US) + 1

    def _fill(self) -> None:
        now_us = self._clock.monotonic_us()
        self._tokens = min(self._burst, self._tokens + (now_us - self._filled_us) * self._rate / SECOND_US)
        self._filled_us = now_us
