"""When a failed attempt is tried again."""

from __future__ import annotations

import random

import msgspec

from millhand_server.core.task import SECOND_US, RetryPolicy

DEFAULT_BACKOFF = 2.0
DEFAULT_MAX_DELAY_US = 60 * SECOND_US
DEFAULT_JITTER = 0.1

#: A hundred years: whatever is asked for, the end of a delay still fits a timestamp.
LONGEST_DELAY_US = 100 * 365 * 24 * 3600 * SECOND_US


class Retries(msgspec.Struct, frozen=True, gc=False):
    """What is in force for one task: its own settings, its handler's and the server's, in that order."""

    limit: int
    delay_us: int
    policy: RetryPolicy

    def allows(self, retries_used: int, reason: str) -> bool:
        """Tells whether an attempt that failed with this reason may be tried again."""
        return retries_used < self.limit and reason not in self.policy.non_retryable_reasons


def delay_us(retries: Retries, number: int, random_source: random.Random) -> int:
    """Returns the delay before retry `number` (1 for the first), in microseconds.

    It is min(delay * backoff^(number-1), max_delay), plus or minus a random share of up to `jitter` of it.
    """
    policy = retries.policy
    max_delay_us = DEFAULT_MAX_DELAY_US if policy.max_delay_us is None else policy.max_delay_us
    jitter = DEFAULT_JITTER if policy.jitter is None else policy.jitter
    delay = float(retries.delay_us)
    backoff = policy.backoff or DEFAULT_BACKOFF
    # Not backoff ** (number - 1): that overflows for a task with thousands of retries.
    for _ in range(number - 1):
        delay *= backoff
        if (max_delay_us and delay >= max_delay_us) or backoff == 1 or delay == 0:
            break
        if delay > LONGEST_DELAY_US:
            break
    if max_delay_us:
        delay = min(delay, max_delay_us)
    delay = min(delay, LONGEST_DELAY_US)
    return max(0, round(delay * (1 + jitter * random_source.uniform(-1, 1))))
