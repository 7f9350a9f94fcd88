from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millhand_server.core.retry import (
    DEFAULT_BACKOFF,
    DEFAULT_JITTER,
    DEFAULT_MAX_DELAY_US,
    Retries,
    delay_us,
)
from millhand_server.core.task import SECOND_US, RetryPolicy

CENTURY_US = 100 * 365 * 24 * 3600 * SECOND_US
DELAYS = st.integers(0, 10**15)
NUMBERS = st.integers(1, 100_000)
BACKOFFS = st.sampled_from([0.0, 1.0]) | st.floats(1.0, 10.0)
LIMITS = st.none() | st.integers(0, 10**15)


@pytest.mark.parametrize(
    ("policy", "expected_s"),
    [
        pytest.param(RetryPolicy(jitter=0.0), [1, 2, 4, 8, 16, 32, 60, 60], id="defaults"),
        pytest.param(RetryPolicy(backoff=1.0, jitter=0.0), [1, 1, 1], id="constant"),
        pytest.param(RetryPolicy(backoff=3.0, jitter=0.0), [1, 3, 9, 27, 60], id="threefold"),
        pytest.param(RetryPolicy(max_delay_us=3 * SECOND_US, jitter=0.0), [1, 2, 3, 3], id="capped"),
        pytest.param(RetryPolicy(max_delay_us=0, jitter=0.0), [1, 2, 4, 8, 16, 32, 64, 128], id="no cap"),
    ],
)
def test_delays_grow_by_the_backoff_up_to_the_cap(policy: RetryPolicy, expected_s: list[int]) -> None:
    retries = Retries(limit=9, delay_us=SECOND_US, policy=policy)

    delays = [delay_us(retries, number, random.Random(1)) for number in range(1, len(expected_s) + 1)]

    assert delays == [seconds * SECOND_US for seconds in expected_s]


@given(first=DELAYS, number=NUMBERS, backoff=BACKOFFS, cap=LIMITS, jitter=st.none() | st.floats(0, 1))
def test_a_delay_is_the_formula_s_give_or_take_the_jitter(
    first: int, number: int, backoff: float, cap: int | None, jitter: float | None
) -> None:
    policy = RetryPolicy(backoff=backoff, max_delay_us=cap, jitter=jitter)

    delay = delay_us(Retries(9, first, policy), number, random.Random(1))

    share = DEFAULT_JITTER if jitter is None else jitter
    middle = _formula(first, number, backoff or DEFAULT_BACKOFF, DEFAULT_MAX_DELAY_US if cap is None else cap)
    slack = 1 + middle * 1e-6
    assert middle * (1 - share) - slack <= delay <= middle * (1 + share) + slack


@given(first=DELAYS, backoff=BACKOFFS, cap=LIMITS, number=NUMBERS)
def test_without_jitter_no_delay_is_shorter_than_the_one_before(
    first: int, backoff: float, cap: int | None, number: int
) -> None:
    retries = Retries(9, first, RetryPolicy(backoff=backoff, max_delay_us=cap, jitter=0.0))

    earlier, later = (delay_us(retries, n, random.Random(1)) for n in (number, number + 1))

    assert 0 <= earlier <= later <= CENTURY_US


def test_jitter_spreads_delays_to_both_sides() -> None:
    retries = Retries(9, 1_000_000, RetryPolicy(jitter=0.5))
    source = random.Random(1)

    delays = [delay_us(retries, 1, source) for _ in range(1_000)]

    assert 500_000 <= min(delays) < 550_000
    assert 1_450_000 < max(delays) <= 1_500_000


@pytest.mark.parametrize(
    ("used", "reason", "allowed"),
    [
        pytest.param(0, "HANDLER_FAILED", True, id="first"),
        pytest.param(1, "HANDLER_FAILED", True, id="last"),
        pytest.param(2, "HANDLER_FAILED", False, id="none left"),
        pytest.param(0, "BAD_IMAGE", False, id="not for this reason"),
    ],
)
def test_retries_are_allowed_while_some_are_left_and_the_reason_permits(
    used: int, reason: str, allowed: bool
) -> None:
    retries = Retries(2, 0, RetryPolicy(non_retryable_reasons=("BAD_IMAGE",)))

    assert retries.allows(used, reason) is allowed


def _formula(first: int, number: int, backoff: float, cap: int) -> float:
    try:
        delay = first * backoff ** (number - 1)
    except OverflowError:
        delay = float(CENTURY_US) if first else 0.0
    return min(delay, cap or CENTURY_US, CENTURY_US)
