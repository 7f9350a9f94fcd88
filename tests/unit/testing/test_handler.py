"""HandlerTest: what a handler sees, what it is told, and what comes of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any

import pytest

from millhand import Blob, Fatal, InvalidPayload, RetryAfter, TaskContext, handler
from millhand_server.testing import (
    Failed,
    HandlerTest,
    Limits,
    RunningAttempt,
    StopCause,
    Stopped,
    Succeeded,
)

KINDS = ["plain", "async"]

#: A handler of this test waits so long for a signal that must come.
LONG_S = 30.0


def facts_of(request: Any, task: TaskContext) -> dict[str, Any]:
    return {
        "request": request,
        "id": task.id,
        "attempt": task.attempt,
        "labels": dict(task.labels),
        "correlation": task.correlation_id,
        "trace": task.traceparent,
        "deadline": None if task.deadline is None else task.deadline.isoformat(),
        "before": task.last_heartbeat,
    }


@handler("facts")
def facts(request: Any, task: TaskContext) -> dict[str, Any]:
    return facts_of(request, task)


@handler("async facts")
async def async_facts(request: Any, task: TaskContext) -> dict[str, Any]:
    return facts_of(request, task)


@handler("hold")
def hold(_: Any, task: TaskContext) -> None:
    task.progress(0.0, "waiting")
    task.wait_cancelled(LONG_S)
    assert task.stop_reason is not None
    task.heartbeat(task.stop_reason.value)
    task.raise_if_cancelled()


@handler("async hold")
async def async_hold(_: Any, task: TaskContext) -> None:
    task.progress(0.0, "waiting")
    try:
        await asyncio.sleep(LONG_S)
    finally:
        assert task.stop_reason is not None
        task.heartbeat(task.stop_reason.value)


FACTS = {"plain": facts, "async": async_facts}
HOLDS = {"plain": hold, "async": async_hold}


@pytest.fixture(params=KINDS)
def held(request: pytest.FixtureRequest) -> RunningAttempt:
    """An attempt that has begun, and waits to be told to stop."""
    attempt = HandlerTest(HOLDS[request.param]).start()
    attempt.wait_for_progress()
    return attempt


@pytest.mark.parametrize("kind", KINDS)
def test_a_handler_sees_the_facts_that_it_is_given(kind: str) -> None:
    deadline = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)

    ended = HandlerTest(FACTS[kind]).run(
        {"n": [1, None]},
        task_id="t-7",
        attempt=3,
        labels={"size": "small"},
        correlation_id="c-1",
        traceparent="00-1-2-01",
        deadline=deadline,
        last_heartbeat={"line": 40},
    )

    assert ended.result == {
        "request": {"n": [1, None]},
        "id": "t-7",
        "attempt": 3,
        "labels": {"size": "small"},
        "correlation": "c-1",
        "trace": "00-1-2-01",
        "deadline": deadline.isoformat(),
        "before": {"line": 40},
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_handler_that_is_given_nothing_sees_a_first_attempt(kind: str) -> None:
    seen = HandlerTest(FACTS[kind]).run().result

    assert (seen["request"], seen["id"], seen["attempt"], seen["labels"]) == (None, "task-1", 1, {})
    assert (seen["deadline"], seen["before"]) == (None, None)


def test_bytes_and_blobs_cross_as_they_do_between_a_client_and_a_server() -> None:
    @handler("reverse")
    def reverse(request: Blob) -> bytes:
        return request.data[::-1]

    assert HandlerTest(reverse).run(b"abc").result == b"cba"


def test_all_reports_are_kept_in_their_order_however_quick_they_come() -> None:
    @handler("reports")
    def reports(_: Any, task: TaskContext) -> None:
        for step in range(50):
            task.progress(step / 50, str(step))
            task.heartbeat([step])

    ended = HandlerTest(reports).run()

    assert ended.progress == tuple((step / 50, str(step)) for step in range(50))
    assert ended.heartbeats == tuple([step] for step in range(50))


@pytest.mark.parametrize(
    ("raised", "outcome"),
    [
        (ValueError("secret"), Failed("HANDLER_FAILED", "ValueError")),
        (Fatal("NO_SUCH_CARD", "gone"), Failed("NO_SUCH_CARD", "gone", from_handler=True, fatal=True)),
        (RetryAfter(2.5, "busy"), Failed("HANDLER_FAILED", "busy", retry_after_us=2_500_000)),
        (SystemExit(1), Failed("HANDLER_FAILED", "SystemExit")),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_handler_raises_is_data(kind: str, raised: BaseException, outcome: Failed) -> None:
    ended = HandlerTest(raising(kind, raised)).run()

    assert ended.outcome == outcome
    assert ended.failure is ended.outcome


@pytest.mark.parametrize(
    "result", [object(), float("nan"), {1: 2}, 2**60], ids=["an object", "NaN", "a number as key", "2**60"]
)
def test_a_result_that_no_payload_can_hold_fails_for_good(result: object) -> None:
    ended = HandlerTest(returning(result)).run()

    assert ended.failure.fatal
    assert "cannot be encoded" in ended.failure.message


def test_a_result_over_the_limit_fails_for_good() -> None:
    ended = HandlerTest(returning("x" * 2000), limits=Limits(max_payload_bytes=1000)).run()

    assert "at most 1000" in ended.failure.message


def test_a_heartbeat_that_cannot_be_encoded_fails_the_attempt() -> None:
    @handler("beats")
    def beats(_: Any, task: TaskContext) -> None:
        task.heartbeat(object())

    assert "a heartbeat cannot be encoded" in HandlerTest(beats).run().failure.message


@pytest.mark.parametrize(
    ("tell", "reason"),
    [
        (RunningAttempt.cancel, "cancel"),
        (RunningAttempt.time_out, "timeout"),
        (RunningAttempt.pass_deadline, "deadline"),
        (RunningAttempt.shut_down, "shutdown_now"),
        (lambda attempt: attempt.stop(StopCause.LEASE_LOST), "lease_lost"),
    ],
    ids=["cancel", "time_out", "pass_deadline", "shut_down", "lease_lost"],
)
def test_a_handler_is_told_to_stop_and_why(
    held: RunningAttempt, tell: Callable[[RunningAttempt], None], reason: str
) -> None:
    tell(held)

    ended = held.wait()
    assert ended.outcome == Stopped()
    assert ended.stopped
    assert ended.heartbeats == (reason,)


@pytest.mark.parametrize("kind", KINDS)
def test_an_attempt_can_be_stopped_as_soon_as_it_is_started(kind: str) -> None:
    attempts = [HandlerTest(HOLDS[kind]).start() for _ in range(10)]

    for attempt in attempts:
        attempt.cancel()

    assert [attempt.wait().heartbeats for attempt in attempts] == [("cancel",)] * 10


def test_the_first_reason_stands(held: RunningAttempt) -> None:
    held.time_out()
    held.cancel()

    assert held.wait().heartbeats == ("timeout",)


def test_a_drain_is_announced_and_stops_nothing() -> None:
    @handler("drains")
    def drains(_: Any, task: TaskContext) -> list[bool]:
        before = task.shutting_down
        task.progress(0.5)
        while not task.shutting_down:
            assert not task.wait_cancelled(0.001)
        return [before, task.shutting_down, task.cancelled]

    attempt = HandlerTest(drains).start()
    attempt.wait_for_progress()

    attempt.announce_shutdown()

    assert attempt.wait().result == [False, True, False]


def test_a_shield_holds_the_cancellation_of_an_async_handler_back() -> None:
    released = threading.Event()

    @handler("shielded")
    async def shielded(_: Any, task: TaskContext) -> None:
        with task.shield():
            task.progress(0.5)
            await asyncio.to_thread(released.wait, LONG_S)
            task.heartbeat("written")
        await asyncio.sleep(LONG_S)

    attempt = HandlerTest(shielded).start()
    attempt.wait_for_progress()
    attempt.cancel()
    released.set()

    ended = attempt.wait()
    assert ended.heartbeats == ("written",)
    assert ended.stopped


def test_an_attempt_that_has_ended_is_told_nothing(held: RunningAttempt) -> None:
    held.cancel()
    ended = held.wait()

    held.shut_down()
    held.announce_shutdown()

    assert held.wait() is ended


def test_reports_can_be_read_while_the_handler_runs(held: RunningAttempt) -> None:
    assert held.progress == [(0.0, "waiting")]
    assert held.heartbeats == []

    held.cancel()
    held.wait_for_heartbeats()

    assert held.heartbeats == ["cancel"]


def test_who_waits_for_more_than_a_handler_reports_learns_how_it_ended() -> None:
    attempt = HandlerTest(returning(7)).start()

    with pytest.raises(AssertionError, match=r"ended before progress report 1: .*Succeeded"):
        attempt.wait_for_progress()


def test_who_waits_too_long_learns_for_what(held: RunningAttempt) -> None:
    with held:
        with pytest.raises(AssertionError, match=r"handler '.*hold' did not end within 0.01 s"):
            held.wait(0.01)
        with pytest.raises(AssertionError, match=r"progress report 2 .* did not come within 0.01 s"):
            held.wait_for_progress(2, timeout_s=0.01)


def test_the_end_of_a_block_stops_what_still_runs(held: RunningAttempt) -> None:
    with held:
        pass

    assert held.wait().heartbeats == ("shutdown_now",)


def test_attempts_of_one_handler_run_side_by_side() -> None:
    test = HandlerTest(hold)
    first, second = test.start(), test.start(attempt=2)
    first.wait_for_progress()
    second.wait_for_progress()

    second.cancel()
    first.time_out()

    assert (first.wait().heartbeats, second.wait().heartbeats) == (("timeout",), ("cancel",))


async def test_an_async_test_may_give_a_handler_what_it_waits_for() -> None:
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    answered = threading.Event()

    @handler("asks")
    def asks() -> bool:
        loop.call_soon_threadsafe(asked.set)
        return answered.wait(LONG_S)

    ending = asyncio.create_task(HandlerTest(asks).start().ended())
    await asyncio.wait_for(asked.wait(), LONG_S)
    answered.set()

    assert (await ending).result is True


@dataclass
class Size:
    width: int


@handler("resize")
def resize(request: Size) -> int:
    return request.width


class Class(Enum):
    FIRST = 1


@dataclass
class Booking:
    day: date
    travels: Class
    guests: set[str]
    seal: bytes


@handler("confirm")
def confirm(request: Booking) -> Booking:
    assert request == Booking(date(2026, 1, 2), Class.FIRST, {"a"}, b"seal")
    return request


def test_a_declared_request_is_converted_as_in_a_server() -> None:
    assert HandlerTest(resize).run({"width": 3}).result == 3
    assert HandlerTest(resize).run(Size(4)).result == 4


def test_a_request_with_dates_and_enums_arrives_as_it_was_and_its_result_goes_back() -> None:
    booking = Booking(date(2026, 1, 2), Class.FIRST, {"a"}, b"seal")

    ended = HandlerTest(confirm).run(booking)

    assert ended.result == {"day": "2026-01-02", "travels": 1, "guests": ["a"], "seal": "c2VhbA=="}


def test_a_request_that_a_server_would_refuse_is_refused() -> None:
    with pytest.raises(InvalidPayload) as refusal:
        HandlerTest(resize).start({"width": "wide"})

    assert [violation.field for violation in refusal.value.violations] == ["json.width"]


def test_a_request_that_no_client_would_send_is_refused() -> None:
    with pytest.raises(InvalidPayload):
        HandlerTest(facts).start(float("nan"))


def test_a_function_that_is_no_handler_is_refused() -> None:
    with pytest.raises(TypeError, match="decorate it"):
        HandlerTest(facts_of)


def test_asking_a_failure_for_its_result_says_how_it_failed() -> None:
    failed = HandlerTest(raising("plain", Fatal("NO_INK"))).run()
    succeeded = HandlerTest(returning(None)).run()

    with pytest.raises(AssertionError, match="NO_INK"):
        _ = failed.result
    with pytest.raises(AssertionError, match="did not fail"):
        _ = succeeded.failure
    assert succeeded.outcome == Succeeded()


def test_a_deadline_is_seen_to_the_microsecond() -> None:
    deadline = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(microseconds=1)

    assert HandlerTest(facts).run(deadline=deadline).result["deadline"] == deadline.isoformat()


def raising(kind: str, error: BaseException) -> Callable[..., Any]:
    @handler("raises")
    def plain() -> None:
        raise error

    @handler("raises")
    async def coroutine() -> None:
        raise error

    return plain if kind == "plain" else coroutine


def returning(result: object) -> Callable[..., Any]:
    @handler("returns")
    def returns() -> object:
        return result

    return returns
