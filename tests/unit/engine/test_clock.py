from __future__ import annotations

import asyncio

import pytest

from millhand_server.core.task import SECOND_US
from millhand_server.engine.clock import SystemClock, TimedOut, Wakeup, within
from millhand_server.testing.clock import FakeClock

PATIENCE_S = 5.0


async def asleep(waiting: asyncio.Task[object]) -> None:
    """Lets a task run until it waits for something."""
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()


async def test_a_ring_wakes_the_sleeper() -> None:
    wakeup = Wakeup(FakeClock())
    waiting: asyncio.Task[object] = asyncio.create_task(wakeup.wait())
    await asleep(waiting)

    wakeup.ring()

    assert await asyncio.wait_for(waiting, PATIENCE_S) is True


async def test_rings_while_nobody_sleeps_are_kept_and_count_as_one() -> None:
    clock = FakeClock()
    wakeup = Wakeup(clock)

    wakeup.ring()
    wakeup.ring()

    assert await asyncio.wait_for(wakeup.wait(0), PATIENCE_S) is True
    waiting: asyncio.Task[object] = asyncio.create_task(wakeup.wait(SECOND_US))
    await asleep(waiting)
    clock.advance(1)
    assert await asyncio.wait_for(waiting, PATIENCE_S) is False


async def test_a_sleeper_wakes_when_its_time_is_over_and_not_before() -> None:
    clock = FakeClock()
    waiting: asyncio.Task[object] = asyncio.create_task(Wakeup(clock).wait(SECOND_US))
    await asleep(waiting)
    clock.advance(0.999)
    await asleep(waiting)

    clock.advance(0.001)

    assert await asyncio.wait_for(waiting, PATIENCE_S) is False


async def test_a_ring_that_comes_with_the_end_of_the_time_is_not_lost() -> None:
    clock = FakeClock()
    wakeup = Wakeup(clock)
    waiting: asyncio.Task[object] = asyncio.create_task(wakeup.wait(SECOND_US))
    await asleep(waiting)

    clock.advance(1)
    wakeup.ring()

    assert await asyncio.wait_for(waiting, PATIENCE_S) is True


async def test_the_time_of_an_earlier_sleep_does_not_end_a_later_one() -> None:
    clock = FakeClock()
    wakeup = Wakeup(clock)
    first: asyncio.Task[object] = asyncio.create_task(wakeup.wait(SECOND_US))
    await asleep(first)
    wakeup.ring()
    await first

    second: asyncio.Task[object] = asyncio.create_task(wakeup.wait(10 * SECOND_US))
    await asleep(second)
    clock.advance(5)

    await asleep(second)
    second.cancel()


async def test_a_sleeper_that_is_cancelled_leaves_a_ring_for_the_next_one() -> None:
    wakeup = Wakeup(FakeClock())
    waiting: asyncio.Task[object] = asyncio.create_task(wakeup.wait(SECOND_US))
    await asleep(waiting)

    wakeup.ring()
    waiting.cancel()
    await asyncio.wait([waiting])

    assert await asyncio.wait_for(wakeup.wait(0), PATIENCE_S) is True


async def test_what_comes_within_the_time_is_returned() -> None:
    clock = FakeClock()
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    waiting: asyncio.Task[object] = asyncio.create_task(within(clock, SECOND_US, future))
    await asleep(waiting)

    future.set_result("here")

    assert await asyncio.wait_for(waiting, PATIENCE_S) == "here"


@pytest.mark.parametrize("delay_us", [None, 0, SECOND_US], ids=["no end", "no time", "a second"])
async def test_what_is_there_already_is_returned_whatever_the_time(delay_us: int | None) -> None:
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    future.set_result("here")

    assert await within(FakeClock(), delay_us, future) == "here"


async def test_when_the_time_is_over_the_future_goes_on() -> None:
    clock = FakeClock()
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    waiting: asyncio.Task[object] = asyncio.create_task(within(clock, SECOND_US, future))
    await asleep(waiting)

    clock.advance(1)

    with pytest.raises(TimedOut):
        await asyncio.wait_for(waiting, PATIENCE_S)
    assert not future.done()


async def test_who_stops_waiting_leaves_the_future_as_it_is() -> None:
    clock = FakeClock()
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    waiters: list[asyncio.Task[object]] = [
        asyncio.create_task(within(clock, delay_us, future)) for delay_us in (None, SECOND_US)
    ]
    for waiter in waiters:
        await asleep(waiter)

    for waiter in waiters:
        waiter.cancel()
    await asyncio.wait(waiters)

    assert all(waiter.cancelled() for waiter in waiters)
    assert not future.done()


async def test_the_error_of_what_is_waited_for_is_raised() -> None:
    clock = FakeClock()
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    waiting: asyncio.Task[object] = asyncio.create_task(within(clock, SECOND_US, future))
    await asleep(waiting)

    future.set_exception(LookupError("gone"))

    with pytest.raises(LookupError):
        await waiting


async def test_the_system_s_clock_calls_back_on_the_loop_unless_that_is_cancelled() -> None:
    clock = SystemClock()
    called = asyncio.Event()
    cancel = clock.call_later(0, lambda: pytest.fail("it was cancelled"))

    cancel()
    clock.call_later(-5, called.set)

    await asyncio.wait_for(called.wait(), PATIENCE_S)
