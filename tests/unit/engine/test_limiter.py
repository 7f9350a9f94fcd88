from __future__ import annotations

import pytest

from millhand_server.core.task import SECOND_US
from millhand_server.engine.limiter import TokenBucket
from millhand_server.testing.clock import FakeClock


@pytest.mark.parametrize(
    ("rate", "burst"),
    [
        pytest.param(0.5, 1, id="less than one a second"),
        pytest.param(5, 1, id="at least one"),
        pytest.param(100, 10, id="a tenth of a second's worth"),
        pytest.param(10_000, 1_000, id="many"),
    ],
)
def test_a_rested_bucket_lets_a_burst_pass_and_no_more(rate: float, burst: int) -> None:
    clock = FakeClock()
    bucket = TokenBucket(rate, clock)

    clock.advance(3_600)

    assert bucket.available() == burst


@pytest.mark.parametrize("rate", [0.5, 3, 7, 100, 333])
def test_over_a_minute_as_many_start_as_the_rate_says(rate: float) -> None:
    clock = FakeClock()
    bucket = TokenBucket(rate, clock)
    burst = bucket.available()
    bucket.charge(burst)
    started = 0
    end_us = clock.monotonic_us() + 60 * SECOND_US

    while (wait_us := bucket.wait_us()) + clock.monotonic_us() <= end_us:
        clock.advance(wait_us / SECOND_US)
        started += bucket.available()
        bucket.charge(bucket.available())

    assert started == pytest.approx(60 * rate, abs=1)


@pytest.mark.parametrize("rate", [0.3, 1, 3, 7, 9.9, 1_000])
def test_after_the_wait_that_it_tells_one_may_start_and_not_before(rate: float) -> None:
    clock = FakeClock()
    bucket = TokenBucket(rate, clock)
    bucket.charge(bucket.available())

    wait_us = bucket.wait_us()
    clock.advance((wait_us - 10) / SECOND_US)
    early = bucket.available()
    clock.advance(10 / SECOND_US)

    assert wait_us == pytest.approx(SECOND_US / rate, abs=2)
    assert early == 0
    assert bucket.available() == 1


@pytest.mark.parametrize("rate", [3, 7, 9.9])
def test_a_token_s_time_rounded_to_microseconds_is_a_token(rate: float) -> None:
    clock = FakeClock()
    bucket = TokenBucket(rate, clock)
    bucket.charge(bucket.available())

    clock.advance(int(SECOND_US / rate) / SECOND_US)

    assert bucket.available() == 1


def test_refunded_tokens_are_there_again_but_never_more_than_a_burst() -> None:
    bucket = TokenBucket(100, FakeClock())
    bucket.charge(4)

    bucket.refund(3)
    after_three = bucket.available()
    bucket.refund(50)
    bucket.charge(4)

    assert after_three == 9
    assert bucket.available() == 6


def test_more_starts_than_tokens_are_paid_for_by_waiting() -> None:
    clock = FakeClock()
    bucket = TokenBucket(10, clock)

    bucket.charge(3)

    assert bucket.available() <= 0
    assert bucket.wait_us() == pytest.approx(0.3 * SECOND_US, abs=2)


def test_a_jump_of_the_wall_clock_gives_no_tokens() -> None:
    clock = FakeClock()
    bucket = TokenBucket(10, clock)
    bucket.charge(1)

    clock.jump(3_600)

    assert bucket.available() == 0


def test_a_rate_of_zero_is_no_limit() -> None:
    bucket = TokenBucket(0, FakeClock())

    bucket.charge(1_000)

    assert not bucket.limited
    assert bucket.wait_us() == 0
