"""echo, sleep and fail."""

from collections.abc import Callable
from typing import Any

import pytest

from millhand.kit import Blob, Failed, Fatal, TaskContext
from millhand_server.handlers.basic import echo, fail, sleep
from millhand_server.testing import HandlerTest


@pytest.mark.parametrize("request_", [None, 1, "text", {"a": [1, None]}, Blob(b"x", "image/png")], ids=repr)
def test_echo_returns_its_request(request_: object) -> None:
    assert echo(request_) is request_


def test_sleep_says_how_long_it_slept(context: TaskContext) -> None:
    assert sleep({"seconds": 0}, context) == {"slept": 0}
    assert sleep({"seconds": 0.01, "progress": False}, context) == {"slept": 0.01}


@pytest.mark.parametrize("progress", [False, True])
def test_sleep_wakes_at_once_when_it_is_cancelled(progress: bool) -> None:
    sleeping = HandlerTest(sleep).start({"seconds": 3600, "progress": progress})

    sleeping.cancel()

    assert sleeping.wait().stopped


def test_sleep_reports_progress_about_ten_times_a_second(context: TaskContext, reporter: Any) -> None:
    sleep({"seconds": 0.5, "progress": True}, context)

    fractions = [fraction for fraction, _ in reporter.progress_reports]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert 3 <= len(fractions) <= 7


def test_sleep_reports_no_progress_unless_asked(context: TaskContext, reporter: Any) -> None:
    sleep({"seconds": 0.01}, context)

    assert reporter.progress_reports == []


def test_fail_fails_as_often_as_told_and_then_succeeds(make_context: Callable[..., TaskContext]) -> None:
    for attempt in (1, 2):
        with pytest.raises(Failed) as caught:
            fail({"times": 2, "reason": "NOT_READY"}, make_context(attempt=attempt))
        assert caught.value.reason == "NOT_READY"
        assert not isinstance(caught.value, Fatal)

    assert fail({"times": 2, "reason": "NOT_READY"}, make_context(attempt=3)) == {"attempts": 3}


def test_fail_can_be_fatal(context: TaskContext) -> None:
    with pytest.raises(Fatal) as caught:
        fail({"times": 1, "fatal": True}, context)

    assert caught.value.reason == "FAILED_ON_PURPOSE"


@pytest.mark.parametrize(
    ("function", "request_", "sentence"),
    [
        (sleep, None, "'seconds' is required and is a number, not missing or null"),
        (sleep, [1], "an object with 'seconds', 'progress', not an array"),
        (sleep, {}, "'seconds' is required"),
        (sleep, {"seconds": "1"}, "not a string"),
        (sleep, {"seconds": True}, "not a boolean"),
        (sleep, {"seconds": -1}, "from 0 to"),
        (sleep, {"seconds": float("nan")}, "from 0 to"),
        (sleep, {"seconds": 1e12}, "from 0 to"),
        (sleep, {"seconds": 1, "progress": "yes"}, "'progress' is true or false"),
        (sleep, {"seconds": 1, "speed": 2}, "Unknown field 'speed'"),
        (fail, {}, "'times' is an integer"),
        (fail, {"times": 1.5}, "not the number 1.5"),
        (fail, {"times": -1}, "from 0 to"),
        (fail, {"times": 1, "reason": "not snake"}, "UPPER_SNAKE_CASE"),
        (fail, {"times": 0, "reason": 7}, "'reason' is a string"),
        (fail, Blob(b""), "not a Blob"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_bad_request_is_fatal_and_says_why(
    context: TaskContext, function: Callable[..., object], request_: object, sentence: str
) -> None:
    with pytest.raises(Fatal) as caught:
        function(request_, context)

    assert caught.value.reason == "INVALID_REQUEST"
    assert sentence in caught.value.message
