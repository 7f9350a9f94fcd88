"""TaskContext: what the handler reads, reports, and how it learns that it must stop."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from millhand.kit import Cancelled, StopReason, TaskContext

DEADLINE_S = 10.0


def test_the_facts_of_the_attempt_are_readable(make_context: Callable[..., TaskContext]) -> None:
    deadline = datetime(2030, 1, 1, tzinfo=UTC)
    context = make_context(
        id="t9",
        attempt=2,
        labels={"a": "b"},
        correlation_id="c",
        traceparent="00-1-2-03",
        deadline=deadline,
        last_heartbeat={"row": 5},
    )

    assert (context.id, context.attempt, context.correlation_id) == ("t9", 2, "c")
    assert (context.traceparent, context.deadline) == ("00-1-2-03", deadline)
    assert context.last_heartbeat == {"row": 5}
    assert context.labels == {"a": "b"}


def test_labels_are_read_only(make_context: Callable[..., TaskContext]) -> None:
    context = make_context(labels={"a": "b"})

    with pytest.raises(TypeError):
        context.labels["a"] = "c"  # type: ignore[index]


def test_a_signal_from_another_thread_wakes_the_one_that_waits(context: TaskContext) -> None:
    woken = threading.Event()

    def wait() -> None:
        assert context.wait_cancelled()
        woken.set()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait)
        context.signal(StopReason.CANCEL)

        assert woken.wait(DEADLINE_S)
        waiting.result(DEADLINE_S)


def test_no_signal_is_lost_between_a_first_wait_and_a_signal(
    make_context: Callable[..., TaskContext],
) -> None:
    start = threading.Barrier(2)
    contexts = [make_context() for _ in range(500)]

    def wait_for_each() -> list[bool]:
        woken = []
        for context in contexts:
            start.wait(DEADLINE_S)
            woken.append(context.wait_cancelled(DEADLINE_S))
        return woken

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait_for_each)
        for context in contexts:
            start.wait(DEADLINE_S)
            context.signal(StopReason.CANCEL)

        assert waiting.result(3 * DEADLINE_S) == [True] * 500


def test_waiting_without_a_signal_ends_with_false(context: TaskContext) -> None:
    assert context.wait_cancelled(0) is False
    assert context.wait_cancelled(timedelta(milliseconds=1)) is False


def test_waiting_after_a_signal_returns_at_once(context: TaskContext) -> None:
    context.signal(StopReason.TIMEOUT)

    assert context.wait_cancelled() is True


def test_a_wait_may_be_longer_than_a_lock_can_take(context: TaskContext) -> None:
    context.wait_cancelled(0)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(context.wait_cancelled, timedelta.max)
        context.signal(StopReason.CANCEL)

        assert waiting.result(DEADLINE_S) is True


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf")], ids=str)
def test_a_wait_without_a_sensible_end_is_refused(context: TaskContext, timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        context.wait_cancelled(timeout)


async def test_waiting_on_an_event_loop_is_refused_even_after_the_signal(context: TaskContext) -> None:
    context.signal(StopReason.CANCEL)

    with pytest.raises(RuntimeError, match="arrives as CancelledError at the next await"):
        context.wait_cancelled(0)


def test_the_first_reason_stays(context: TaskContext) -> None:
    assert (context.cancelled, context.stop_reason) == (False, None)

    context.signal(StopReason.LEASE_LOST)
    context.signal(StopReason.CANCEL)

    assert (context.cancelled, context.stop_reason) == (True, StopReason.LEASE_LOST)


def test_raise_if_cancelled_raises_only_after_the_signal(context: TaskContext) -> None:
    context.raise_if_cancelled()
    context.signal(StopReason.DEADLINE)

    with pytest.raises(Cancelled) as caught:
        context.raise_if_cancelled()

    assert caught.value.reason is StopReason.DEADLINE


def test_shutting_down_is_announced_without_stopping_the_attempt(context: TaskContext) -> None:
    assert not context.shutting_down

    context.signal_shutdown()
    context.signal_shutdown()

    assert context.shutting_down
    assert not context.cancelled


def test_progress_reaches_the_reporter(context: TaskContext, reporter: Any) -> None:
    context.progress(0)
    context.progress(0.5, "half")
    context.progress(1)

    assert reporter.progress_reports == [(0.0, ""), (0.5, "half"), (1.0, "")]


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan"), float("inf")], ids=str)
def test_a_fraction_outside_0_to_1_is_refused(context: TaskContext, reporter: Any, fraction: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        context.progress(fraction)

    assert reporter.progress_reports == []


@pytest.mark.parametrize("letter", ["x", "ä", "😀"])
def test_a_long_message_is_cut_at_4_kib_of_whole_characters(
    context: TaskContext, reporter: Any, letter: str
) -> None:
    context.progress(0.5, "." + letter * 5000)

    ((_, message),) = reporter.progress_reports
    assert 4096 - 3 <= len(message.encode()) <= 4096
    assert set(message) == {".", letter}


def test_heartbeats_reach_the_reporter(context: TaskContext, reporter: Any) -> None:
    context.heartbeat()
    context.heartbeat({"row": 7})

    assert reporter.heartbeats == [None, {"row": 7}]


def test_log_records_carry_the_task_beside_the_callers_fields(
    make_context: Callable[..., TaskContext], caplog: pytest.LogCaptureFixture
) -> None:
    context = make_context(id="t5", attempt=3, handler="resize")

    with caplog.at_level(logging.INFO, "millhand.handler.resize"):
        context.logger.info("hello", extra={"width": 8})

    (record,) = caplog.records
    assert record.name == "millhand.handler.resize"
    assert (record.task_id, record.attempt, record.width) == ("t5", 3, 8)  # type: ignore[attr-defined]


def test_log_records_carry_what_ties_the_task_to_others(
    make_context: Callable[..., TaskContext], caplog: pytest.LogCaptureFixture
) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    context = make_context(correlation_id="order 17", traceparent=f"00-{trace}-b7ad6b7169203331-01")

    with caplog.at_level(logging.INFO):
        context.logger.info("hello")

    (record,) = caplog.records
    assert (record.correlation_id, record.trace_id) == ("order 17", trace)  # type: ignore[attr-defined]


def test_a_shield_is_open_until_its_outermost_block_ends(context: TaskContext) -> None:
    with context.shield():
        with context.shield():
            assert context.shielded
        assert context.shielded

    assert not context.shielded


def test_a_shield_closes_when_its_block_raises(context: TaskContext) -> None:
    with pytest.raises(KeyError), context.shield():
        raise KeyError

    assert not context.shielded


def test_a_held_back_cancellation_is_delivered_when_the_shield_ends(context: TaskContext) -> None:
    delivered: list[bool] = []

    with context.shield():
        with context.shield():
            context.when_unshielded(lambda: delivered.append(context.shielded))
        assert delivered == []

    assert delivered == [False]
    with context.shield():
        pass
    assert delivered == [False]


def test_without_a_shield_a_cancellation_is_delivered_at_once(context: TaskContext) -> None:
    delivered: list[str] = []

    context.when_unshielded(lambda: delivered.append("now"))

    assert delivered == ["now"]
