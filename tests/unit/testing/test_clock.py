from __future__ import annotations

from millhand_server.testing.clock import START_US, FakeClock


def test_time_stands_still_until_it_is_advanced() -> None:
    clock = FakeClock()
    monotonic_us = clock.monotonic_us()

    clock.advance(1.5)

    assert clock.now_us() == START_US + 1_500_000
    assert clock.monotonic_us() == monotonic_us + 1_500_000


def test_callbacks_run_in_order_each_at_its_own_time() -> None:
    clock = FakeClock()
    ran: list[tuple[str, int]] = []
    for name, delay_us in (("late", 300), ("first", 100), ("second", 100), ("never", 9_999_999)):
        clock.call_later(delay_us, lambda name=name: ran.append((name, clock.now_us() - START_US)))  # type: ignore[misc]

    clock.advance(1)

    assert ran == [("first", 100), ("second", 100), ("late", 300)]


def test_a_callback_that_calls_later_is_called_again_within_the_same_advance() -> None:
    clock = FakeClock()
    ticks: list[int] = []

    def tick() -> None:
        ticks.append(clock.now_us() - START_US)
        clock.call_later(400_000, tick)

    clock.call_later(400_000, tick)
    clock.advance(1)

    assert ticks == [400_000, 800_000]


def test_a_cancelled_callback_does_not_run() -> None:
    clock = FakeClock()
    ran: list[str] = []
    cancel = clock.call_later(100, lambda: ran.append("ran"))

    cancel()
    clock.advance(1)

    assert ran == []


def test_a_jump_moves_the_wall_clock_alone() -> None:
    clock = FakeClock()
    monotonic_us = clock.monotonic_us()

    clock.jump(-3600)

    assert clock.now_us() == START_US - 3_600_000_000
    assert clock.monotonic_us() == monotonic_us
