from __future__ import annotations

import asyncio

from millhand_server.engine.arrivals import Arrivals
from millhand_server.testing.clock import FakeClock

PATIENCE_S = 5.0

#: More than the loop goes round before a pause is one.
MANY_TURNS = 30


async def turn(times: int = 1) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


async def test_nothing_is_waited_for_where_nothing_arrived() -> None:
    waiting = asyncio.create_task(Arrivals(FakeClock()).until_pause())

    await turn()

    assert waiting.done()


async def test_one_alone_waits_a_few_turns_of_the_loop_and_no_time() -> None:
    arrivals = Arrivals(FakeClock())
    arrivals.add(1)
    waiting = asyncio.create_task(arrivals.until_pause())

    await turn(3)
    is_early = waiting.done()

    await asyncio.wait_for(waiting, PATIENCE_S)
    assert not is_early


async def test_those_that_keep_arriving_are_waited_for_until_they_are_enough() -> None:
    arrivals = Arrivals(FakeClock())
    arrivals.add(1)
    waiting = asyncio.create_task(arrivals.until_pause())

    arrived = 1
    while not waiting.done():
        await turn()
        arrivals.add(1)
        arrived += 1
        assert arrived < 1_000

    assert arrived >= 64


async def test_a_batch_that_is_enough_is_not_held_up() -> None:
    arrivals = Arrivals(FakeClock())
    arrivals.add(100)
    waiting = asyncio.create_task(arrivals.until_pause())

    await turn()

    assert waiting.done()


async def test_nobody_waits_for_longer_than_five_milliseconds() -> None:
    clock = FakeClock()
    arrivals = Arrivals(clock)
    arrivals.add(1)
    waiting = asyncio.create_task(arrivals.until_pause())
    await turn(2)

    clock.advance(0.005)
    arrivals.add(1)
    await turn(2)

    assert waiting.done()


async def test_what_is_being_stored_is_waited_for_without_turning_round() -> None:
    clock = FakeClock()
    arrivals = Arrivals(clock)
    arrivals.expect()
    arrivals.add(1)
    waiting = asyncio.create_task(arrivals.until_pause())

    await turn(MANY_TURNS)
    is_early = waiting.done()
    arrivals.add(1)
    arrivals.came()

    await asyncio.wait_for(waiting, PATIENCE_S)
    assert not is_early


async def test_what_takes_long_to_be_stored_holds_up_the_others_for_five_milliseconds() -> None:
    clock = FakeClock()
    arrivals = Arrivals(clock)
    arrivals.expect()
    arrivals.add(1)
    waiting = asyncio.create_task(arrivals.until_pause())
    await turn(MANY_TURNS)

    clock.advance(0.005)

    await asyncio.wait_for(waiting, PATIENCE_S)


async def test_who_has_waited_starts_anew() -> None:
    arrivals = Arrivals(FakeClock())
    arrivals.add(1)
    await arrivals.until_pause()
    waiting = asyncio.create_task(arrivals.until_pause())

    await turn()

    assert waiting.done()
