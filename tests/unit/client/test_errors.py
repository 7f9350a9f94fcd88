from __future__ import annotations

import pickle
from datetime import timedelta

import grpc
import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]
from tests.unit.client.fake_server import FakeServer, refusal

from millhand import errors
from millhand.enums import TaskStatus
from millhand.protocol.records import Result
from millhand.protocol.status import DETAILS_KEY, ERROR_BY_REASON
from millhand.v1 import errors_pb2, task_pb2

PREFIX = "ERROR_REASON_"
REASONS = [value for value in errors_pb2.ErrorReason.DESCRIPTOR.values if value.number != 0]


def caught(server: FakeServer, status: object) -> errors.MillhandError:
    call = server.start(server.client().get, "t")
    server.refuse("GetTask", status)
    error = call.exception()
    assert isinstance(error, errors.MillhandError)
    return error


@pytest.mark.parametrize("value", REASONS, ids=lambda value: value.name)
def test_every_reason_has_a_class_that_a_call_raises(server: FakeServer, value: object) -> None:
    number, name = value.number, value.name.removeprefix(PREFIX)  # type: ignore[attr-defined]
    assert number in ERROR_BY_REASON, "a reason of errors.proto has no exception"

    error = caught(server, refusal(reason=name))

    assert type(error) is ERROR_BY_REASON[number]
    assert error.reason == name


@pytest.mark.parametrize("value", REASONS, ids=lambda value: value.name)
def test_a_class_knows_its_own_reason(value: object) -> None:
    number, name = value.number, value.name  # type: ignore[attr-defined]

    assert PREFIX + ERROR_BY_REASON[number].reason == name


def test_an_error_carries_all_that_the_server_said(server: FakeServer) -> None:
    client = server.client(token="secret")
    call = server.start(client.get, "t")

    metadata, _, rpc = server.take("GetTask")
    status = refusal(
        code_pb2.RESOURCE_EXHAUSTED,
        "QUEUE_FULL",
        "the queue is full",
        metadata={"queue": "images"},
        violations={"task.queue": "has no room"},
        retry_after_s=2,
    )
    details = ((DETAILS_KEY, status.SerializeToString()),)
    rpc.terminate(None, details, grpc.StatusCode.RESOURCE_EXHAUSTED, "the queue is full")

    error = call.exception()
    assert isinstance(error, errors.QueueFull)
    assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert error.message == "the queue is full"
    assert error.metadata == {"queue": "images"}
    assert error.violations == (errors.Violation("task.queue", "has no room"),)
    assert error.retry_after == timedelta(seconds=2)
    assert error.request_id == metadata["x-request-id"]
    said = f"QUEUE_FULL: the queue is full; task.queue: has no room (request {error.request_id})"
    assert str(error) == said


@pytest.mark.parametrize(
    ("message", "told"),
    [
        pytest.param("b.c is missing", "b.c is missing; a.d: is late", id="the end of its field"),
        pytest.param("a.b.c: is missing, too", "a.b.c: is missing, too; a.d: is late", id="all of it"),
        pytest.param("is missing", "is missing; a.d: is late", id="its description"),
        pytest.param("wrong", "wrong; a.b.c: is missing; a.d: is late", id="none"),
    ],
)
def test_a_violation_that_the_message_has_is_said_once(message: str, told: str) -> None:
    violations = (errors.Violation("a.b.c", "is missing"), errors.Violation("a.d", "is late"))

    assert str(errors.InvalidPayload(message, violations=violations)) == f"INVALID_PAYLOAD: {told}"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(code_pb2.UNAVAILABLE, errors.Unavailable, id="unavailable"),
        pytest.param(code_pb2.FAILED_PRECONDITION, errors.FailedPrecondition, id="failed precondition"),
        pytest.param(code_pb2.DATA_LOSS, errors.MillhandError, id="a code without a class"),
    ],
)
def test_a_reason_of_a_newer_server_is_told_by_its_code(
    server: FakeServer, code: int, expected: type[errors.MillhandError]
) -> None:
    error = caught(server, refusal(code, "MOON_IN_THE_WRONG_PHASE"))

    assert type(error) is expected
    assert error.reason == "MOON_IN_THE_WRONG_PHASE"


def test_a_handlers_own_reason_cannot_pass_for_one_of_ours(server: FakeServer) -> None:
    error = caught(server, refusal(code_pb2.INTERNAL, "QUEUE_FULL", domain="handler"))

    assert type(error) is errors.InternalError


@pytest.mark.parametrize(
    "trailer", [(), (("grpc-status-details-bin", b"\xff\xff"),)], ids=["no trailer", "a mangled one"]
)
@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_a_refusal_by_the_transport_is_told_by_its_code(
    server: FakeServer, code: grpc.StatusCode, trailer: tuple[tuple[str, bytes], ...]
) -> None:
    call = server.start(server.client().get, "t")
    _, _, rpc = server.take("GetTask")
    rpc.terminate(None, trailer, code, "no connection")

    error = call.exception()
    assert isinstance(error, errors.MillhandError)
    assert (error.code, error.reason, error.message) == (code, "", "no connection")


@pytest.mark.parametrize(
    ("status", "reason", "domain", "expected"),
    [
        pytest.param("FAILED", "HANDLER_FAILED", "millhand.v1", errors.HandlerFailed, id="failed"),
        pytest.param("FAILED", "WORKER_LOST", "millhand.v1", errors.WorkerLost, id="lost"),
        pytest.param("FAILED", "NO_FACE_FOUND", "handler", errors.TaskFailed, id="the handler's own reason"),
        pytest.param("FAILED", "QUEUE_FULL", "millhand.v1", errors.TaskFailed, id="a reason about calls"),
        pytest.param("CANCELLED", "TASK_CANCELLED", "millhand.v1", errors.TaskCancelledError, id="cancelled"),
        pytest.param(
            "CONTEXT_DEADLINE_REACHED", "TASK_TIMEOUT", "millhand.v1", errors.TaskTimedOut, id="timed out"
        ),
    ],
)
def test_a_task_that_did_not_complete_raises_how_it_ended(
    status: str, reason: str, domain: str, expected: type[errors.TaskDidNotComplete]
) -> None:
    message = task_pb2.Result()
    message.task.id = "t"
    message.task.status = getattr(task_pb2, f"TASK_STATUS_{status}")
    message.error.CopyFrom(refusal(reason=reason, domain=domain, message="why"))

    with pytest.raises(errors.TaskDidNotComplete, match="why") as raised:
        Result(message).unwrap()

    assert type(raised.value) is expected
    assert raised.value.reason == reason
    assert raised.value.task == message.task
    assert raised.value.status is TaskStatus[status]
    assert raised.value.metadata["task_id"] == "t"


def test_a_results_repr_shows_no_payload() -> None:
    message = task_pb2.Result(cursor="c1")
    message.task.id = "t"
    message.task.status = task_pb2.TASK_STATUS_COMPLETED
    message.output.json.string_value = "secret"

    assert repr(Result(message)) == "Result(t, COMPLETED, cursor='c1')"


def test_an_error_crosses_processes_whole() -> None:
    error = errors.QueueFull(
        "full", metadata={"queue": "q"}, retry_after=timedelta(seconds=1), request_id="r"
    )

    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is errors.QueueFull
    assert vars(copy) == vars(error)
