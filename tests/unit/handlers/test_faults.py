"""The faulty handlers ignore what the good ones heed."""

import asyncio
from typing import Any

import pytest

from millhand.kit import Fatal
from millhand_server.handlers import faults, handlers


def test_the_faulty_handlers_are_not_among_the_default_ones() -> None:
    assert faults.handlers.names() == ("stubborn", "stubborn_async", "busy_thread", "busy_async")
    assert not set(faults.handlers.names()) & set(handlers.names())


def test_stubborn_sleeps_its_time() -> None:
    assert faults.stubborn({"seconds": 0.001}) == {"slept": 0.001}


async def test_stubborn_async_finishes_although_it_is_cancelled() -> None:
    task = asyncio.create_task(faults.stubborn_async({"seconds": 0.05}))
    await asyncio.sleep(0)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)

    assert await asyncio.wait_for(task, 10) == {"slept": 0.05}


async def test_busy_handlers_count_their_loops() -> None:
    assert faults.busy_thread({"seconds": 0.005})["loops"] > 0
    assert (await faults.busy_async({"seconds": 0.005}))["loops"] > 0


@pytest.mark.parametrize(
    "request_", [None, {}, {"seconds": 3601}, {"seconds": -1}, {"seconds": "1"}], ids=str
)
def test_a_bad_request_is_fatal(request_: Any) -> None:
    with pytest.raises(Fatal) as caught:
        faults.stubborn(request_)

    assert caught.value.reason == "INVALID_REQUEST"
