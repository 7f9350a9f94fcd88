"""How the end of a handler becomes data, and that no end of it costs a worker."""

from __future__ import annotations

import asyncio
import gc
import logging
from datetime import timedelta
from typing import NoReturn

import pytest
from tests.contract.executor.bench import Bench

from millhand.kit import Failed as HandlerFailed
from millhand.kit import Fatal, RetryAfter, StopReason, TaskContext
from millhand.kit.errors import Cancelled
from millhand_server.core.execution import Failed, Isolation, Stopped, Succeeded
from millhand_server.core.retry import LONGEST_DELAY_US

SECRET = "password=hunter2"


class Unspeakable(Exception):
    def __str__(self) -> NoReturn:
        raise ValueError(SECRET)

    __repr__ = __str__


class CarelessFatal(Fatal):
    def __init__(self) -> None:
        """Forgets its parent's."""


class CarelessRetryAfter(RetryAfter):
    def __init__(self) -> None:
        """Forgets its parent's."""


def recurse() -> None:
    recurse()


EXCEPTIONS = [
    pytest.param(ValueError(SECRET), id="Exception"),
    pytest.param(BaseException(SECRET), id="BaseException"),
    pytest.param(SystemExit(SECRET), id="SystemExit"),
    pytest.param(KeyboardInterrupt(SECRET), id="KeyboardInterrupt"),
    pytest.param(GeneratorExit(SECRET), id="GeneratorExit"),
    pytest.param(MemoryError(SECRET), id="MemoryError"),
    pytest.param(asyncio.CancelledError(SECRET), id="CancelledError unasked"),
    pytest.param(Cancelled(StopReason.CANCEL), id="Cancelled unasked"),
    pytest.param(ExceptionGroup(SECRET, [ValueError(SECRET)]), id="ExceptionGroup"),
    pytest.param(Unspeakable(SECRET), id="an exception that cannot be printed"),
    pytest.param(CarelessRetryAfter(), id="a RetryAfter without its parent's fields"),
]


@pytest.mark.parametrize("error", EXCEPTIONS)
async def test_any_exception_is_a_failure_that_tells_only_its_type(
    bench: Bench, error: BaseException
) -> None:
    @bench.handler("raises")
    async def _(_: object, __: TaskContext) -> None:
        raise error

    bench.start()

    outcome = await bench.run("raises")

    assert outcome == Failed("HANDLER_FAILED", type(error).__name__)
    assert await bench.run("echo", 1) == Succeeded(b"1")


async def test_an_endless_recursion_is_a_failure_like_any(bench: Bench) -> None:
    @bench.handler("recurses")
    async def _(_: object, __: TaskContext) -> None:
        recurse()

    bench.start()

    assert await bench.run("recurses") == Failed("HANDLER_FAILED", "RecursionError")
    assert await bench.run("echo", 1) == Succeeded(b"1")


async def test_the_log_has_where_an_exception_came_from_and_not_its_text(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    @bench.handler("raises")
    async def _(_: object, __: TaskContext) -> None:
        raise ValueError(SECRET)

    bench.start()

    with caplog.at_level(logging.INFO):
        await bench.run("raises")

    assert "handler raises raised ValueError in attempt 1 of task task-1" in caplog.text
    assert __file__ in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        pytest.param(
            HandlerFailed("NO_STOCK", "sold out"),
            Failed("NO_STOCK", "sold out", from_handler=True),
            id="Failed",
        ),
        pytest.param(
            Fatal("BAD_IMAGE", "no PNG"),
            Failed("BAD_IMAGE", "no PNG", from_handler=True, fatal=True),
            id="Fatal",
        ),
        pytest.param(
            RetryAfter(1.5, "busy"),
            Failed("HANDLER_FAILED", "busy", retry_after_us=1_500_000),
            id="RetryAfter",
        ),
        pytest.param(
            RetryAfter(timedelta.max),
            Failed("HANDLER_FAILED", "", retry_after_us=LONGEST_DELAY_US),
            id="RetryAfter for longer than any timestamp",
        ),
        pytest.param(
            CarelessFatal(),
            Failed("HANDLER_FAILED", "CarelessFatal", fatal=True),
            id="a Fatal without its parent's fields",
        ),
        pytest.param(
            Fatal("BAD_IMAGE", ValueError(SECRET)),  # type: ignore[arg-type]
            Failed("BAD_IMAGE", "", from_handler=True, fatal=True),
            id="a Fatal whose message is no text",
        ),
        pytest.param(
            Fatal("BAD_IMAGE", "\ud800" + "é" * 3_000),
            Failed("BAD_IMAGE", "?" + "é" * 2_047, from_handler=True, fatal=True),
            id="a Fatal whose message is too long, and no UTF-8",
        ),
    ],
)
async def test_a_handler_steers_what_follows(bench: Bench, error: Exception, outcome: Failed) -> None:
    @bench.handler("steers")
    async def _(_: object, __: TaskContext) -> None:
        raise error

    bench.start()

    assert await bench.run("steers") == outcome
    assert await bench.run("echo", 1) == Succeeded(b"1")


@pytest.mark.parametrize(
    ("result", "message"),
    [
        pytest.param(object(), "the result cannot be encoded: json TypeError", id="no payload's type"),
        pytest.param(float("nan"), "the result cannot be encoded: json ValueError", id="NaN"),
        pytest.param(
            b"x" * 2_000_000,
            "the result cannot be encoded: is 2000002 bytes; a payload has at most 1048576",
            id="too large",
        ),
    ],
)
async def test_a_result_that_cannot_be_encoded_fails_the_task_for_good(
    bench: Bench, result: object, message: str
) -> None:
    @bench.handler("returns")
    async def _(_: object, __: TaskContext) -> object:
        return result

    bench.start()

    assert await bench.run("returns") == Failed("HANDLER_FAILED", message, fatal=True)
    assert await bench.run("echo", 1) == Succeeded(b"1")


async def test_a_payload_that_cannot_be_read_fails_the_task_for_good(bench: Bench) -> None:
    bench.start()

    outcome = await bench.run("echo", payload=b"{no json")

    message = "the payload cannot be read: the bytes are no JSON"
    assert outcome == Failed("HANDLER_FAILED", message, fatal=True)


@pytest.mark.parametrize(
    "error", [SystemExit(1), KeyboardInterrupt()], ids=["SystemExit", "KeyboardInterrupt"]
)
@pytest.mark.parametrize("bench", ["async", "async behind bytes"], indirect=True)
async def test_what_a_handler_s_own_task_raises_does_not_end_the_loop_of_the_others(
    bench: Bench, error: BaseException
) -> None:
    gate = bench.gate()

    async def child() -> None:
        raise error

    @bench.handler("bears a child")
    async def _(_: object, __: TaskContext) -> None:
        await asyncio.create_task(child())

    @bench.handler("waits")
    async def _(_: object, __: TaskContext) -> None:
        await gate.passed()

    executor = bench.start(workers=2)
    other = bench.grant("waits")
    executor.submit([other])

    outcome = await bench.run("bears a child")
    gate.open()

    assert outcome == Failed("HANDLER_FAILED", type(error).__name__)
    assert await bench.outcome(other) == Succeeded()


async def test_without_a_signal_nothing_is_stopped(bench: Bench) -> None:
    stop = asyncio.CancelledError() if bench.isolation is Isolation.ASYNC else Cancelled(StopReason.CANCEL)

    @bench.handler("gives up")
    async def _(_: object, __: TaskContext) -> None:
        raise stop

    bench.start()

    assert not isinstance(await bench.run("gives up"), Stopped)


class UnreadableReason(HandlerFailed):
    @property
    def reason(self) -> NoReturn:  # type: ignore[override]
        raise ValueError(SECRET)


class NamelessType(type):
    @property
    def __name__(cls) -> NoReturn:  # type: ignore[override]
        raise ValueError(SECRET)


class Nameless(Exception, metaclass=NamelessType):
    pass


class Classless(Exception):
    @property  # type: ignore[misc]  # that it is wrong is the point
    def __class__(self) -> NoReturn:  # type: ignore[override]
        raise ValueError(SECRET)


class EncodesItself(str):
    __slots__ = ()

    def encode(self, *_: object) -> NoReturn:
        raise ValueError(SECRET)


def _with_reason(reason: object) -> HandlerFailed:
    error = HandlerFailed("FINE")
    error.reason = reason  # type: ignore[assignment]
    return error


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(UnreadableReason.__new__(UnreadableReason), id="a reason that raises"),
        pytest.param(Nameless(), id="a type whose name raises"),
        pytest.param(Classless(), id="a class that raises"),
        pytest.param(HandlerFailed("FINE", EncodesItself("x")), id="a text that encodes itself"),
        pytest.param(_with_reason("X" * 10_000), id="a huge reason"),
        pytest.param(_with_reason("\ud800"), id="a reason that is no text"),
        pytest.param(_with_reason(7), id="a reason that is a number"),
        pytest.param(type("T" * 100_000, (Exception,), {})(), id="a type with a huge name"),
    ],
)
async def test_an_exception_that_misbehaves_costs_no_worker_and_says_little(
    bench: Bench, error: Exception
) -> None:
    @bench.handler("misbehaves")
    async def _(_: object, __: TaskContext) -> None:
        raise error

    bench.start()

    outcome = await bench.run("misbehaves")

    assert isinstance(outcome, Failed)
    assert len(outcome.reason) <= 63
    assert len(outcome.message) <= 256
    assert SECRET not in outcome.message
    outcome.reason.encode()
    assert await bench.run("echo", 1) == Succeeded(b"1")


@pytest.mark.parametrize("deadline_us", [2**62, 253_402_300_800 * 1_000_000, 253_402_300_799 * 1_000_000])
async def test_a_deadline_that_no_calendar_has_is_none(bench: Bench, deadline_us: int) -> None:
    deadlines: list[object] = []

    @bench.handler("looks")
    async def _(_: object, task: TaskContext) -> None:
        deadlines.append(task.deadline)

    bench.start()

    assert await bench.run("looks", deadline_us=deadline_us) == Succeeded(b"")
    assert (deadlines == [None]) is (deadline_us > 253_402_300_799 * 1_000_000)


async def test_what_a_task_of_a_handler_raises_is_logged_without_its_text(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    @bench.handler("leaves a task behind")
    async def _(_: object, __: TaskContext) -> None:
        async def fail() -> None:
            raise ValueError(SECRET)

        if bench.isolation is Isolation.ASYNC:
            asyncio.ensure_future(fail())  # noqa: RUF006 - to be left behind is the point
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    bench.start()

    assert await bench.run("leaves a task behind") == Succeeded(b"")
    gc.collect()
    assert await bench.run("echo", 1) == Succeeded(b"1")
    assert SECRET not in caplog.text
    assert ("ValueError" in caplog.text) is (bench.isolation is Isolation.ASYNC)
