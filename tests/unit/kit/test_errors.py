"""The exceptions that steer a task, and the values they refuse."""

import pickle
from datetime import timedelta

import pytest

from millhand.kit import Blob, Cancelled, Failed, Fatal, RetryAfter, StopReason


@pytest.mark.parametrize("kind", [Failed, Fatal])
def test_a_failure_keeps_reason_and_message(kind: type[Failed]) -> None:
    error = kind("DISK_FULL", "no space left")

    assert (error.reason, error.message, str(error)) == (
        "DISK_FULL",
        "no space left",
        "DISK_FULL: no space left",
    )


def test_a_failure_without_a_message_reads_as_its_reason() -> None:
    assert str(Fatal("X")) == "X"


def test_fatal_is_a_kind_of_failed_but_failed_is_not_fatal() -> None:
    assert issubclass(Fatal, Failed)
    assert not isinstance(Failed("X"), Fatal)


@pytest.mark.parametrize("reason", ["A", "A1", "NOT_FOUND", "A" * 63])
def test_reasons_are_upper_snake_case(reason: str) -> None:
    assert Fatal(reason).reason == reason


@pytest.mark.parametrize("reason", ["", "lower", "Mixed", "1A", "_A", "A_", "A-B", "A B", "A\n", "A" * 64, 3])
def test_other_reasons_are_value_errors(reason: str) -> None:
    with pytest.raises(ValueError, match="UPPER_SNAKE_CASE"):
        Fatal(reason)


@pytest.mark.parametrize(
    ("delay", "expected"),
    [(0, timedelta(0)), (1.5, timedelta(seconds=1.5)), (timedelta(hours=1), timedelta(hours=1))],
    ids=["zero", "seconds", "timedelta"],
)
def test_retry_after_takes_seconds_or_a_timedelta(delay: float | timedelta, expected: timedelta) -> None:
    assert RetryAfter(delay).delay == expected


@pytest.mark.parametrize("delay", [-1, timedelta(seconds=-1), float("nan"), float("inf")], ids=str)
def test_retry_after_refuses_what_is_no_delay(delay: float | timedelta) -> None:
    with pytest.raises(ValueError, match=r"RetryAfter\.delay"):
        RetryAfter(delay)


def test_cancelled_passes_except_exception() -> None:
    def handler_with_a_broad_except() -> str:
        try:
            raise Cancelled(StopReason.TIMEOUT)
        except Exception:
            return "swallowed"

    with pytest.raises(Cancelled) as caught:
        handler_with_a_broad_except()

    assert caught.value.reason is StopReason.TIMEOUT


@pytest.mark.parametrize(
    "error", [Failed("A", "b"), Fatal("A", "b"), RetryAfter(2, "b"), Cancelled(StopReason.CANCEL)], ids=repr
)
def test_errors_survive_pickling(error: BaseException) -> None:
    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error)
    assert vars(copy) == vars(error)


def test_a_blob_does_not_show_its_bytes() -> None:
    blob = Blob(b"secret", "text/plain")

    assert repr(blob) == "Blob(6 bytes, content_type='text/plain')"


def test_a_blob_holds_bytes_only() -> None:
    with pytest.raises(TypeError, match=r"Blob\.data is bytes, not str"):
        Blob("text")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Blob\.content_type is a string"):
        Blob(b"", None)  # type: ignore[arg-type]
