from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest
from tests.engine.bench import Bench, options, soon
from tests.engine.conftest import OpenBench
from tests.fakes.store import Behaviour, Script

from millhand_server.core.execution import StopCause
from millhand_server.core.task import SECOND_US, AttemptKey
from millhand_server.testing.executor import HandDrivenExecutor


class BrokenScript(Script):
    """Lets a verb raise what no store may raise: a bug."""

    def __init__(self, broken: str) -> None:
        super().__init__()
        self._broken = broken

    def take(self, verb: str) -> Behaviour:
        if verb == self._broken:
            raise ZeroDivisionError
        return super().take(verb)


async def test_a_tail_that_dies_leaves_the_manager_broken_and_says_so(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.put("a", "b")
    # Ended in the store behind the tail's back, as by another node: what comes next leaves a hole to be read.
    await bench.store.inner.cancel(["b"], "")
    bench.store.script = BrokenScript("read_log")

    await bench.run("a")

    await soon(bench.manager.readiness.broken.wait())
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL]
    assert "millhand tail ended by an error" in told
    bench.store.script = bench.script


@pytest.mark.parametrize(
    ("verb", "loop"),
    [
        ("apply", "settler"),
        ("claim", "dispatcher"),
        ("overdue", "expiry"),
        ("prune", "pruning"),
    ],
)
async def test_a_loop_that_dies_leaves_the_manager_broken_and_says_so(
    bench: Bench, caplog: pytest.LogCaptureFixture, verb: str, loop: str
) -> None:
    await bench.put("a", start_timeout_us=SECOND_US)
    await bench.put("b", start_timeout_us=SECOND_US)
    bench.store.script = BrokenScript(verb)

    await bench.begin("a")
    bench.threads.finish(bench.key("a"))
    await bench.advance(6)

    await soon(bench.manager.readiness.broken.wait())
    assert not bench.manager.is_ready()
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL]
    assert f"millhand {loop} ended by an error" in told
    bench.store.script = bench.script


class DeafExecutor(HandDrivenExecutor):
    """Raises what no executor may raise when it is to signal."""

    def signal(self, keys: Sequence[AttemptKey], cause: StopCause) -> None:
        raise ZeroDivisionError


async def test_a_watchdog_that_dies_leaves_the_manager_broken() -> None:
    bench = Bench(options(), make_executor=DeafExecutor)
    await bench.manager.start()
    key = await bench.start("a", timeout_us=SECOND_US)

    await bench.advance(1)
    bench.threads.finish(key)

    assert bench.manager.readiness.broken.is_set()
    await bench.tear_down()


async def test_subscribers_are_told_of_each_change_and_of_the_state_when_they_come(
    open_bench: OpenBench,
) -> None:
    bench = await open_bench()
    told: list[bool] = []
    bench.manager.readiness.subscribe(told.append)
    await bench.start("stuck", timeout_us=SECOND_US, retries=0)

    await bench.advance(12)
    await bench.end("stuck")
    await bench.advance(1)

    assert told == [True, False, True]
