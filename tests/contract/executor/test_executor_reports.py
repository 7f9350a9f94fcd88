"""Progress and heartbeats: throttled, in order, and none after the end."""

from __future__ import annotations

import threading

import pytest
from tests.contract.executor.bench import Bench

from millhand.kit import TaskContext
from millhand_server.core.execution import Failed, Heartbeat, Progressed, Succeeded
from millhand_server.testing.executor import PATIENCE_S


def progress_of(bench: Bench) -> list[tuple[float, str]]:
    return [(frame.fraction, frame.message) for frame in bench.frames if isinstance(frame, Progressed)]


async def test_progress_is_told_between_start_and_end(bench: Bench) -> None:
    @bench.handler("reports")
    async def _(_: object, task: TaskContext) -> None:
        task.progress(0.5, "half")

    executor = bench.start()
    grant = bench.grant("reports")
    executor.submit([grant])
    await bench.outcome(grant)

    assert bench.kinds_of(grant) == ["Started", "Progressed", "Finished"]
    assert progress_of(bench) == [(0.5, "half")]


async def test_of_progress_in_quick_succession_the_first_and_the_last_are_told(bench: Bench) -> None:
    @bench.handler("reports")
    async def _(_: object, task: TaskContext) -> None:
        for percent in range(1, 100):
            task.progress(percent / 100)

    bench.start()

    await bench.run("reports")

    assert progress_of(bench) == [(0.01, ""), (0.99, "")]
    assert isinstance(bench.frames[-2], Progressed)


async def test_progress_ten_times_a_second_is_all_told(bench: Bench) -> None:
    @bench.handler("reports")
    async def _(_: object, task: TaskContext) -> None:
        for percent in (10, 20, 30):
            task.progress(percent / 100)
            bench.clock.advance(0.1)

    bench.start()

    await bench.run("reports")

    assert progress_of(bench) == [(0.1, ""), (0.2, ""), (0.3, "")]


async def test_progress_that_was_held_back_is_told_while_the_handler_goes_on(bench: Bench) -> None:
    gate = bench.gate()

    @bench.handler("reports twice and works on")
    async def _(_: object, task: TaskContext) -> None:
        task.progress(0.1)
        task.progress(0.2)
        task.heartbeat()
        await gate.passed()

    executor = bench.start()
    grant = bench.grant("reports twice and works on")
    executor.submit([grant])
    await bench.until(lambda: grant.key in bench.keys(Heartbeat))
    assert progress_of(bench) == [(0.1, "")]

    bench.clock.advance(0.1)
    await bench.until(lambda: len(progress_of(bench)) == 2)

    assert progress_of(bench) == [(0.1, ""), (0.2, "")]
    gate.open()
    await bench.outcome(grant)
    assert progress_of(bench) == [(0.1, ""), (0.2, "")]


async def test_the_last_progress_is_told_also_when_the_handler_fails(bench: Bench) -> None:
    @bench.handler("reports and fails")
    async def _(_: object, task: TaskContext) -> None:
        task.progress(0.1)
        task.progress(0.9)
        raise OSError

    bench.start()

    assert await bench.run("reports and fails") == Failed("HANDLER_FAILED", "OSError")
    assert progress_of(bench) == [(0.1, ""), (0.9, "")]


async def test_a_heartbeat_bears_its_details_as_a_payload(bench: Bench) -> None:
    @bench.handler("beats")
    async def _(_: object, task: TaskContext) -> None:
        task.heartbeat({"page": 7})
        task.heartbeat()

    bench.start()

    await bench.run("beats")

    beats = [frame.details for frame in bench.frames if isinstance(frame, Heartbeat)]
    assert beats == [b'{"page": 7}', b""]


@pytest.mark.parametrize(
    ("details", "message"),
    [
        pytest.param(object(), "a heartbeat cannot be encoded: json TypeError", id="no payload's type"),
        pytest.param(
            b"x" * 2_000_000,
            "a heartbeat cannot be encoded: is 2000002 bytes; a payload has at most 1048576",
            id="too large",
        ),
    ],
)
async def test_a_heartbeat_that_cannot_be_encoded_fails_the_task_for_good(
    bench: Bench, details: object, message: str
) -> None:
    @bench.handler("beats")
    async def _(_: object, task: TaskContext) -> None:
        task.heartbeat(details)

    bench.start()

    assert await bench.run("beats") == Failed("HANDLER_FAILED", message, fatal=True)
    assert await bench.run("echo", 1) == Succeeded(b"1")


async def test_a_handler_may_catch_that_a_heartbeat_cannot_be_encoded(bench: Bench) -> None:
    @bench.handler("beats")
    async def _(_: object, task: TaskContext) -> object:
        try:
            task.heartbeat(object())
        except Exception:
            return "caught"
        return None

    bench.start()

    assert await bench.run("beats") == Succeeded(b'"caught"')


async def test_what_a_thread_of_the_handler_reports_after_its_end_is_dropped(bench: Bench) -> None:
    ended, reported = threading.Event(), threading.Event()

    def report(task: TaskContext) -> None:
        assert ended.wait(PATIENCE_S)
        task.progress(0.5)
        task.heartbeat({"late": True})
        reported.set()

    @bench.handler("leaves a thread behind")
    async def _(_: object, task: TaskContext) -> None:
        threading.Thread(target=report, args=(task,)).start()

    executor = bench.start()
    grant = bench.grant("leaves a thread behind")
    executor.submit([grant])
    await bench.outcome(grant)

    ended.set()
    assert reported.wait(PATIENCE_S)
    await bench.answered()

    assert bench.kinds_of(grant) == ["Started", "Finished"]
