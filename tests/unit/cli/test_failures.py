from datetime import timedelta

import pytest

import millhand
from millhand_server.cli.failures import exit_status, sentence
from millhand_server.config.client import ClientOptions

_OPTIONS = ClientOptions("a:1")


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
    said = sentence(millhand.Unavailable("Connection refused", reason=""), ClientOptions("127.0.0.1:1"))

    assert said == (
        "no server answers at 127.0.0.1:1; start one with `millhand serve`, or name another with --address"
    )


def test_a_refusal_is_told_with_its_reason_and_the_fields_at_fault() -> None:
    error = millhand.InvalidPayload(
        "the payload is wrong", violations=(millhand.Violation("task.payload", "no width"),)
    )

    assert sentence(error, _OPTIONS) == "INVALID_PAYLOAD: the payload is wrong; task.payload: no width"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Ssl handshake failed: WRONG_VERSION_NUMBER", "the server at a:1 does not serve TLS"),
        ("CERTIFICATE_VERIFY_FAILED", "is not signed by the authority in --tls-ca"),
        ("Hostname Verification Check failed", "the certificate of a:1 is for another name"),
        ("errors resolving a:1: Domain name not found", "there is no host of the name in a:1"),
        ("Socket closed", "a:1 hung up: if it serves TLS, give --tls-ca"),
        ("something newer", "no server answers at a:1"),
    ],
    ids=["plain server", "authority", "name", "host", "tls server", "other"],
)
def test_a_connection_that_came_to_nothing_is_told_by_its_cause(said: str, meant: str) -> None:
    assert meant in sentence(millhand.Unavailable(said, reason=""), _OPTIONS)


@pytest.mark.parametrize(
    "message", ["id: too long", "too long", "the task's id is too long"], ids=["field", "alone", "sentence"]
)
def test_a_violation_that_repeats_the_message_is_told_once(message: str) -> None:
    error = millhand.InvalidTaskId(message, violations=(millhand.Violation("id", "too long"),))

    assert sentence(error, _OPTIONS) == f"INVALID_TASK_ID: {message}"


def test_of_several_violations_the_one_in_the_message_is_told_once() -> None:
    violations = (
        millhand.Violation("task.payload.json.a", "is missing"),
        millhand.Violation("task.payload.json.b", "must be a number"),
    )
    error = millhand.InvalidPayload("json.a is missing (and 1 more)", violations=violations)

    assert sentence(error, _OPTIONS) == (
        "INVALID_PAYLOAD: json.a is missing (and 1 more); task.payload.json.b: must be a number"
    )


@pytest.mark.parametrize(
    "error",
    [millhand.InvalidArgument("bad", request_id="r7"), millhand.Unavailable("", reason="", request_id="r7")],
    ids=["refused", "unreachable"],
)
def test_the_request_is_named_to_those_who_ask(error: millhand.MillhandError) -> None:
    assert sentence(error, _OPTIONS, verbose=True).endswith("; request r7")
    assert "r7" not in sentence(error, _OPTIONS)


def test_a_refusal_by_somebodys_own_interceptor_gets_no_advice_about_scopes() -> None:
    assert sentence(millhand.PermissionDenied("not on Sundays"), _OPTIONS) == (
        "PERMISSION_DENIED: not on Sundays"
    )


def test_the_field_of_what_is_not_found_adds_nothing() -> None:
    error = millhand.TaskNotFound("no task t", violations=(millhand.Violation("id", "no such task"),))

    assert sentence(error, _OPTIONS) == "TASK_NOT_FOUND: no task t"


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (millhand.QueueFull("full", retry_after=timedelta(seconds=1.5)), "retry after 1.5 s"),
        (millhand.WaitTimedOut("over", metadata={"task_id": "t"}), "`millhand get t` shows it"),
        (millhand.Unauthenticated("who?"), "give --token-file or --token, or set MILLHAND_TOKEN"),
        (
            millhand.PermissionDenied("this call needs the scope run"),
            "ask for a token with that scope; whoever runs the server makes one with `millhand token`",
        ),
        (
            millhand.AlreadyExists("taken", metadata={"task_id": "t"}),
            "`millhand get t` shows it; if it waits, `millhand exec --id t` runs it now",
        ),
        (millhand.InternalError("fault", request_id="r"), "the server's log has the facts under request r"),
        (
            millhand.HandlerFailed("KeyError", metadata={"task_id": "t"}),
            "the server's log has the traceback of task t, with its text at --log-level debug",
        ),
    ],
    ids=["full", "wait", "token", "scope", "taken", "internal", "handler"],
)
def test_an_error_says_what_to_do_about_it(error: millhand.MillhandError, advice: str) -> None:
    assert sentence(error, _OPTIONS).endswith(f"; {advice}")


def test_what_a_server_sends_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in sentence(millhand.InvalidArgument("\x1b[31mred"), _OPTIONS)


def test_a_server_that_hangs_up_on_tls_may_want_a_certificate() -> None:
    options = ClientOptions("a:1", tls_ca="ca.pem")

    assert "--tls-cert" in sentence(millhand.Unavailable("Socket closed", reason=""), options)
