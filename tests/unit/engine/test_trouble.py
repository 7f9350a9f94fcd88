from __future__ import annotations

import logging

import pytest

from millhand_server.core.errors import StoreUnavailable
from millhand_server.engine.trouble import Trouble
from millhand_server.testing.clock import FakeClock

logger = logging.getLogger("tests.trouble")


def test_a_trouble_is_told_when_it_begins_from_time_to_time_and_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    trouble = Trouble(logger, clock, "claiming tasks")

    trouble.is_over()
    for _ in range(250):
        trouble.goes_on(StoreUnavailable("there is no room left"))
        clock.advance(0.1)
    trouble.is_over()
    trouble.is_over()
    trouble.goes_on(StoreUnavailable("it is gone"))

    assert [record.getMessage() for record in caplog.records] == [
        *["claiming tasks fails and is tried again: there is no room left"] * 3,
        "claiming tasks goes well again",
        "claiming tasks fails and is tried again: it is gone",
    ]
