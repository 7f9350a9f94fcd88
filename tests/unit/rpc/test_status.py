from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from google.protobuf import descriptor_pool
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from millhand.v1 import errors_pb2
from millhand_server.core import errors
from millhand_server.core.errors import MillhandError, Violation
from millhand_server.core.task import TaskError
from millhand_server.rpc.status import MAX_STATUS_BYTES, clip, code_of, status_of, status_of_task


def _subclasses(root: type[MillhandError]) -> Iterator[type[MillhandError]]:
    for child in root.__subclasses__():
        yield child
        yield from _subclasses(child)


#: Roots of families, which nobody raises themselves.
ABSTRACT = {errors.NotFound}
RAISED = sorted(set(_subclasses(MillhandError)) - ABSTRACT, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", RAISED, ids=lambda kind: kind.__name__)
def test_every_error_has_a_code_and_a_reason_of_the_contract(kind: type[MillhandError]) -> None:
    error = kind.__new__(kind)

    code = code_of(error)

    assert code not in (grpc.StatusCode.OK, grpc.StatusCode.UNKNOWN)
    assert (code is grpc.StatusCode.INTERNAL) == (kind is errors.InternalError)
    assert f"ERROR_REASON_{kind.reason}" in errors_pb2.ErrorReason.DESCRIPTOR.values_by_name


def _details(status: status_pb2.Status) -> dict[str, object]:
    found: dict[str, object] = {}
    for packed in status.details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo):
            if packed.Is(kind.DESCRIPTOR):
                found[kind.DESCRIPTOR.name] = kind.FromString(packed.value)
    return found


def test_a_status_carries_reason_metadata_violations_and_the_time_to_wait() -> None:
    error = errors.QueueFull(5, queue="mail", retry_after_s=1.5)

    status = status_of(error)

    info, retry = _details(status)["ErrorInfo"], _details(status)["RetryInfo"]
    assert status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert status.message == error.message
    assert (info.reason, info.domain) == ("QUEUE_FULL", "millhand.v1")  # type: ignore[attr-defined]
    assert dict(info.metadata) == {"limit": "5", "queue": "mail"}  # type: ignore[attr-defined]
    assert retry.retry_delay.ToMilliseconds() == 1500  # type: ignore[attr-defined]


def test_many_violations_end_in_a_count_of_those_not_shown() -> None:
    violations = tuple(Violation(f"tasks[{i}].handler", "is empty") for i in range(400))

    status = status_of(errors.InvalidArgument("bad", violations=violations))

    shown = _details(status)["BadRequest"].field_violations  # type: ignore[attr-defined]
    assert [violation.field for violation in shown[:20]] == [f"tasks[{i}].handler" for i in range(20)]
    assert shown[20].description == "and 380 more"
    assert len(shown) == 21


@pytest.mark.parametrize(
    "text", ["x", "é", "%", "\n", "\U0001f600"], ids=["ascii", "wide", "%", "control", "emoji"]
)
def test_a_status_stays_within_its_size_whatever_is_in_it(text: str) -> None:
    long = text * 100_000
    violations = tuple(Violation(long, long) for _ in range(30))
    error = errors.InvalidArgument(long, violations=violations, metadata={"cause": long}, retry_after_s=1)

    status = status_of(error)

    assert status.ByteSize() <= MAX_STATUS_BYTES
    assert _details(status).keys() == {"ErrorInfo", "BadRequest", "RetryInfo"}


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [("abc", 3, "abc"), ("abcdef", 5, "ab..."), ("éé", 12, "éé"), ("ééé", 12, "é..."), ("", 0, "")],
    ids=["fits", "cut", "wide-fits", "wide-cut", "empty"],
)
def test_a_text_is_cut_by_the_bytes_it_takes_in_a_header(text: str, limit: int, expected: str) -> None:
    assert clip(text, limit) == expected


def test_a_handlers_own_reason_keeps_its_own_domain() -> None:
    status = status_of_task(TaskError(13, "QUEUE_FULL", "my words", domain="handler"))

    info = _details(status)["ErrorInfo"]
    assert (status.code, status.message) == (13, "my words")
    assert (info.reason, info.domain) == ("QUEUE_FULL", "handler")  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["ErrorInfo", "BadRequest", "RetryInfo"])
def test_the_details_are_in_the_descriptor_pool_for_tools_to_print(name: str) -> None:
    assert descriptor_pool.Default().FindMessageTypeByName(f"google.rpc.{name}").name == name
