from datetime import timedelta

import pytest

import millhand
from millhand_server.cli.failures import exit_status, sentence


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (millhand.InvalidArgument("x"), 1),
        (millhand.Unavailable("x"), 1),
        (millhand.TaskNotFound("x"), 3),
        (millhand.HandlerFailed("x"), 4),
        (millhand.WorkerLost("x"), 4),
        (millhand.TaskFailed("x"), 4),
        (millhand.WaitTimedOut("x"), 5),
        (millhand.TaskTimedOut("x"), 5),
        (millhand.DeadlineExceeded("x"), 5),
        (millhand.TaskCancelledError("x"), 6),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_has_its_exit_status(error: millhand.MillhandError, status: int) -> None:
    assert exit_status(error) == status


def test_a_server_that_does_not_answer_is_named_with_the_way_to_start_one() -> None:
    said = sentence(millhand.Unavailable("connection refused", reason=""), "127.0.0.1:1")

    assert said == (
        "no server answers at 127.0.0.1:1; start one with `millhand serve`, or name another with --address"
    )


def test_a_refusal_is_told_with_its_reason_and_the_fields_at_fault() -> None:
    error = millhand.InvalidPayload(
        "the payload is wrong", violations=(millhand.Violation("task.payload", "no width"),)
    )

    assert sentence(error, "a:1") == "INVALID_PAYLOAD: the payload is wrong; task.payload: no width"


def test_a_violation_that_repeats_the_message_is_told_once() -> None:
    error = millhand.InvalidTaskId("no id", violations=(millhand.Violation("task.id", "no id"),))

    assert sentence(error, "a:1") == "INVALID_TASK_ID: no id"


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (millhand.QueueFull("full", retry_after=timedelta(seconds=1.5)), "try again in 1.5 s"),
        (millhand.WaitTimedOut("over", metadata={"task_id": "t"}), "the task goes on: `millhand get t`"),
        (millhand.Unauthenticated("who?"), "give --token, or set MILLHAND_TOKEN"),
        (millhand.InternalError("fault", request_id="r"), "the server's log has the facts under request r"),
    ],
    ids=["full", "wait", "token", "internal"],
)
def test_an_error_says_what_to_do_about_it(error: millhand.MillhandError, advice: str) -> None:
    assert sentence(error, "a:1").endswith(f"; {advice}")


def test_what_a_server_sends_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in sentence(millhand.InvalidArgument("\x1b[31mred"), "a:1")
