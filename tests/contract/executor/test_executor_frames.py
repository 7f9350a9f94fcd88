"""What an executor says of an attempt, and in which order."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.contract.executor.bench import Bench

from millhand.kit import Blob, TaskContext
from millhand_server.core.execution import Failed, Finished, Returned, Started, StopCause, Succeeded
from millhand_server.core.task import AttemptKey
from millhand_server.testing.clock import START_US


async def test_an_attempt_starts_and_finishes_with_the_handler_s_output(bench: Bench) -> None:
    executor = bench.start()
    grant = bench.grant("echo", {"width": 3})

    executor.submit([grant])
    outcome = await bench.outcome(grant)

    assert outcome == Succeeded(bench.codec.encode({"width": 3}))
    assert bench.kinds_of(grant) == ["Started", "Finished"]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="nothing"),
        pytest.param({"a": [1, 2.5, "x", None, True]}, id="json"),
        pytest.param(Blob(b"\x00\xff", "image/png"), id="bytes"),
    ],
)
async def test_requests_and_results_of_every_kind_cross(bench: Bench, value: object) -> None:
    bench.start()

    outcome = await bench.run("echo", value)

    assert outcome == Succeeded(bench.codec.encode(value))


async def test_a_handler_with_a_type_is_called_with_what_that_makes_of_the_payload(bench: Bench) -> None:
    @bench.handler("number")
    async def number(request: int, task: TaskContext) -> object:
        return request

    bench.start()

    # The type of the bench's codec doubles.
    assert await bench.run("number", 7) == Succeeded(bench.codec.encode(14))


async def test_a_payload_that_a_type_no_longer_takes_fails_without_retry(bench: Bench) -> None:
    @bench.handler("number")
    async def number(request: int, task: TaskContext) -> object:
        return request

    bench.start()

    outcome = await bench.run("number", "x")

    assert outcome == Failed(
        "HANDLER_FAILED", "the payload cannot be read: json must be an integer", fatal=True
    )


async def test_frames_bear_the_times_of_the_clock_and_the_name_of_the_worker(bench: Bench) -> None:
    bench.start()

    await bench.run("echo")

    [started, finished] = bench.frames
    assert isinstance(started, Started)
    assert isinstance(finished, Finished)
    assert (started.at_us, finished.at_us) == (START_US, START_US)
    assert started.worker.startswith("millhand-")


async def test_a_handler_knows_the_facts_of_its_attempt(bench: Bench) -> None:
    @bench.handler("facts")
    async def _(_: object, task: TaskContext) -> object:
        return [
            task.id,
            task.attempt,
            dict(task.labels),
            task.correlation_id,
            task.traceparent,
            None if task.deadline is None else task.deadline.isoformat(),
            task.last_heartbeat,
        ]

    bench.start()

    outcome = await bench.run(
        "facts",
        key=AttemptKey("t", 3, 9),
        labels={"k": "v"},
        correlation_id="c",
        traceparent="00-1-2-00",
        deadline_us=START_US,
        last_heartbeat=bench.codec.encode({"page": 7}),
    )

    deadline = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
    facts = ["t", 3, {"k": "v"}, "c", "00-1-2-00", deadline, {"page": 7}]
    assert outcome == Succeeded(bench.codec.encode(facts))


async def test_a_last_heartbeat_that_nobody_can_read_does_not_hold_the_attempt_up(bench: Bench) -> None:
    @bench.handler("last heartbeat")
    async def _(_: object, task: TaskContext) -> object:
        return task.last_heartbeat

    bench.start()

    outcome = await bench.run("last heartbeat", last_heartbeat=b"{no json")

    assert outcome == Succeeded()


async def test_grants_start_in_the_order_they_were_submitted(bench: Bench) -> None:
    executor = bench.start()
    grants = [bench.grant("echo", number) for number in range(60)]

    executor.submit(grants[:10])
    executor.submit([])
    executor.submit(grants[10:])
    await bench.outcome(grants[-1])

    assert bench.keys(Started) == [grant.key for grant in grants]


async def test_the_frames_of_many_attempts_come_in_batches(bench: Bench) -> None:
    executor = bench.start()
    grants = [bench.grant("echo") for _ in range(500)]

    executor.submit(grants)
    await bench.outcome(grants[-1])

    assert bench.batches < len(bench.frames) / 2


async def test_each_attempt_is_returned_alone_or_starts_and_finishes_once(bench: Bench) -> None:
    executor = bench.start(workers=3)
    grants = [bench.grant("echo") for _ in range(300)]

    for number, grant in enumerate(grants):
        executor.submit([grant])
        if number % 3 == 1:
            executor.recall([grant.key])
        if number % 3 == 2:
            executor.signal([grant.key], StopCause.CANCEL)
    await bench.until(lambda: len(bench.keys(Returned)) + len(bench.keys(Finished)) >= len(grants))
    await bench.answered()

    for grant in grants:
        assert bench.kinds_of(grant) in (["Returned"], ["Started", "Finished"])
