"""The number of workers: more, fewer, none, and the end of all."""

from __future__ import annotations

import asyncio
import threading

import pytest
from tests.contract.executor.bench import Bench, Gate

from millhand.kit import TaskContext
from millhand_server.core.execution import Finished, Grant, Returned, Started, StopCause, Stopped, Succeeded
from millhand_server.testing.executor import PATIENCE_S

ASYNC_ONLY = pytest.mark.parametrize("bench", ["async", "async behind bytes"], indirect=True)
THREAD_ONLY = pytest.mark.parametrize("bench", ["thread", "thread behind bytes"], indirect=True)


@pytest.fixture
def gates(bench: Bench) -> list[Gate]:
    """Gates for the handler `waits`, whose request says which one to wait for."""
    gates = [bench.gate() for _ in range(8)]

    @bench.handler("waits")
    async def _(number: int, __: TaskContext) -> None:
        await gates[number].passed()

    return gates


def submit(bench: Bench, numbers: range) -> list[Grant]:
    grants = [bench.grant("waits", number) for number in numbers]
    bench.executor.submit(grants)
    return grants


async def test_more_workers_start_what_waits(bench: Bench, gates: list[Gate]) -> None:
    executor = bench.start(workers=1)
    grants = submit(bench, range(3))

    executor.resize(3)
    await bench.started(*grants)

    assert bench.keys(Finished) == []


@THREAD_ONLY
async def test_no_more_attempts_run_at_once_than_there_are_workers(bench: Bench, gates: list[Gate]) -> None:
    bench.start(workers=2)
    grants = submit(bench, range(4))
    await bench.started(*grants[:2])

    gates[0].open()
    await bench.started(grants[2])

    assert grants[3].key not in bench.keys(Started)
    assert grants[1].key not in bench.keys(Finished)


@THREAD_ONLY
async def test_fewer_workers_take_effect_as_attempts_end(bench: Bench, gates: list[Gate]) -> None:
    executor = bench.start(workers=2)
    first, second, third, fourth = submit(bench, range(4))
    await bench.started(first, second)

    executor.resize(1)
    gates[0].open()
    await bench.outcome(first)
    gates[1].open()
    await bench.outcome(second)
    await bench.started(third)
    gates[2].open()
    await bench.started(fourth)

    order = [(type(frame).__name__, frame.key) for frame in bench.frames]
    assert order.index(("Started", third.key)) > order.index(("Finished", second.key))
    assert order.index(("Started", fourth.key)) > order.index(("Finished", third.key))


async def test_without_workers_what_runs_goes_on_and_the_rest_is_returned(
    bench: Bench, gates: list[Gate]
) -> None:
    executor = bench.start(workers=1)
    running = await bench.hold()
    waiting = submit(bench, range(2))

    executor.resize(0)
    later = submit(bench, range(2, 4))
    await bench.until(lambda: len(bench.keys(Returned)) == 4)
    bench.release()

    assert await bench.outcome(running) == Succeeded()
    assert bench.keys(Started) == [running.key]
    assert bench.keys(Returned) == [grant.key for grant in waiting + later]


async def test_workers_that_come_back_take_grants_again(bench: Bench, gates: list[Gate]) -> None:
    executor = bench.start(workers=2)
    [busy] = submit(bench, range(1))
    await bench.started(busy)

    executor.resize(0)
    executor.resize(2)
    grants = submit(bench, range(1, 3))
    await bench.started(grants[0])
    gates[0].open()
    await bench.started(grants[1])

    assert bench.keys(Returned) == []


@THREAD_ONLY
async def test_after_many_changes_there_are_as_many_workers_as_the_last_one_said(
    bench: Bench, gates: list[Gate]
) -> None:
    executor = bench.start(workers=4)
    grants = submit(bench, range(4))
    await bench.started(*grants)

    for number in (0, 3, 1, 6, 2):
        executor.resize(number)
    for gate in gates[:4]:
        gate.open()
    for grant in grants:
        await bench.outcome(grant)
    first, second, third = submit(bench, range(4, 7))
    await bench.started(first, second)
    gates[4].open()
    await bench.started(third)

    order = [(type(frame).__name__, frame.key) for frame in bench.frames]
    assert order.index(("Started", third.key)) > order.index(("Finished", first.key))


async def test_after_the_stop_idle_workers_end(bench: Bench) -> None:
    before = set(threading.enumerate())
    executor = bench.start(workers=3)
    await bench.run("echo")
    workers = set(threading.enumerate()) - before

    await executor.stop()
    await executor.stop()

    assert workers
    for worker in workers:
        worker.join(PATIENCE_S)
        assert not worker.is_alive()


async def test_code_that_still_runs_after_the_stop_cannot_keep_the_process_alive(bench: Bench) -> None:
    before = set(threading.enumerate())
    executor = bench.start()
    await bench.hold()

    await executor.stop()

    assert all(thread.daemon for thread in set(threading.enumerate()) - before)


async def test_an_attempt_that_was_left_behind_may_end_after_the_stop(bench: Bench) -> None:
    executor = bench.start()
    grant = bench.grant("waits for cancel")
    executor.submit([grant])
    await bench.started(grant)

    executor.signal([grant.key], StopCause.SHUTDOWN)
    await executor.stop()

    assert await bench.outcome(grant) == Stopped()


@ASYNC_ONLY
async def test_coroutines_that_were_left_behind_may_clean_up(bench: Bench) -> None:
    @bench.handler("sleeps")
    async def _(_: object, task: TaskContext) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            task.heartbeat("cleaned up")

    executor = bench.start()
    grant = bench.grant("sleeps")
    executor.submit([grant])
    await bench.started(grant)

    await executor.stop()
    await bench.outcome(grant)

    assert bench.kinds_of(grant) == ["Started", "Heartbeat", "Finished"]


@ASYNC_ONLY
async def test_the_threads_that_async_handlers_use_are_known_as_the_server_s(bench: Bench) -> None:
    @bench.handler("goes to a thread")
    async def _(_: object, __: TaskContext) -> object:
        return await asyncio.to_thread(lambda: threading.current_thread().name.startswith("millhand-"))

    bench.start()

    assert await bench.run("goes to a thread") == Succeeded(b"true")
