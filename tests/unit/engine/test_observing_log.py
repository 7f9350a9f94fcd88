from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from tests.unit.engine import changes

from millhand_server.core.ports import Change
from millhand_server.engine.observing_log import TransitionLog

TRACE = "0af7651916cd43dd8448eb211c80319c"

_QUIET, _LOUD = logging.DEBUG, logging.INFO


@pytest.mark.parametrize(
    ("make", "level", "transition"),
    [
        (changes.started, _QUIET, "started"),
        (changes.completed, _QUIET, "completed"),
        (changes.returned, _QUIET, "returned"),
        (changes.failed, _LOUD, "failed"),
        (changes.retrying, _LOUD, "retrying"),
        (changes.interrupted, _LOUD, "interrupted"),
        (changes.overdue, _LOUD, "timed out"),
        (changes.stopped, _LOUD, "cancelled"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_change_is_one_line(
    make: Callable[[], Change], level: int, transition: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        TransitionLog().changed([make()])

    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == (level, f"task {transition}")
    assert record.__dict__["transition"] == transition


def test_what_goes_well_is_not_told_at_info(caplog: pytest.LogCaptureFixture) -> None:
    log = TransitionLog()

    with caplog.at_level(logging.INFO):
        log.accepted([changes.waiting()])
        log.changed([changes.started(), changes.completed(), changes.returned()])
        log.cancelled([changes.dequeued(), changes.signalled()])

    assert caplog.records == []


def test_registrations_and_requests_to_cancel_are_told_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    log = TransitionLog()

    with caplog.at_level(logging.DEBUG):
        log.accepted([changes.waiting()])
        log.cancelled([changes.dequeued(), changes.signalled()])

    assert [record.getMessage() for record in caplog.records] == [
        "task accepted",
        "task cancelled",
        "task cancel requested",
    ]


def test_a_line_has_what_ties_it_to_others(caplog: pytest.LogCaptureFixture) -> None:
    failed = changes.failed(
        task_id="t9",
        queue="mail",
        correlation_id="order 17",
        traceparent=f"00-{TRACE}-b7ad6b7169203331-01",
    )

    with caplog.at_level(logging.INFO):
        TransitionLog().changed([failed])

    fields = {name: caplog.records[0].__dict__.get(name) for name in _FIELDS}
    assert fields == {
        "task_id": "t9",
        "attempt": 1,
        "handler": "echo",
        "queue": "mail",
        "correlation_id": "order 17",
        "trace_id": TRACE,
        "worker": "w-1",
        "wait_ms": 250.0,
        "run_ms": 3_000.0,
        "reason": "HANDLER_FAILED",
    }


def test_a_line_has_nothing_of_payload_output_or_error(caplog: pytest.LogCaptureFixture) -> None:
    secret = {"payload": b"SECRET", "labels": {"SECRET": "SECRET"}, "description": "SECRET"}

    with caplog.at_level(logging.DEBUG):
        TransitionLog().changed([changes.completed(**secret), changes.failed(**secret)])

    assert len(caplog.records) == 2
    for record in caplog.records:
        assert "SECRET" not in str(record.__dict__)
        assert "output" not in str(record.__dict__)
        assert "ValueError" not in str(record.__dict__)


_FIELDS = (
    *("task_id", "attempt", "handler", "queue", "correlation_id", "trace_id"),
    *("worker", "wait_ms", "run_ms", "reason"),
)
