from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from millhand import errors
from millhand.enums import CancelOutcome, TaskStatus
from millhand.protocol.filters import FilterOptions, task_filter
from millhand.protocol.specs import TaskOptions, task_spec, with_id
from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_a_spec_says_what_its_options_say() -> None:
    spec = task_spec(
        "thumbnail",
        {"width": 5},
        id="t",
        priority=-3,
        labels={"a": "b"},
        retries=0,
        retry_delay=0.25,
        attempt_timeout=timedelta(minutes=1),
        deadline=NOON,
        delay=0,
        retry_policy=task_pb2.RetryPolicy(backoff=3),
    )

    expected = task_pb2.TaskSpec(id="t", handler="thumbnail", priority=-3, labels={"a": "b"}, retries=0)
    expected.payload.json.struct_value.fields["width"].number_value = 5
    expected.retry_delay.nanos = 250_000_000
    expected.timeout.seconds = 60
    expected.deadline.FromDatetime(NOON)
    expected.delay.SetInParent()
    expected.retry_policy.backoff = 3
    assert spec == expected


def test_every_field_of_a_spec_is_an_option() -> None:
    fields = {field.name for field in task_pb2.TaskSpec.DESCRIPTOR.fields}

    renamed = {"attempt_timeout" if name == "timeout" else name for name in fields}

    assert renamed - {"handler", "payload"} == set(TaskOptions.__annotations__)


def test_every_field_of_a_filter_is_an_option() -> None:
    fields = {field.name for field in task_pb2.TaskFilter.DESCRIPTOR.fields}

    assert fields == set(FilterOptions.__annotations__)


def test_a_spec_has_an_id_unless_a_key_stands_in_for_it() -> None:
    assert task_spec("echo").id != task_spec("echo").id != ""
    assert task_spec("echo", idempotency_key="k").id == ""


def test_a_nameless_message_gets_an_id_and_is_not_touched() -> None:
    spec = task_pb2.TaskSpec(handler="echo", priority=4)

    named = with_id(spec)

    assert named.id
    assert (named.handler, named.priority) == ("echo", 4)
    assert spec.id == ""


def test_no_payload_is_none_at_all() -> None:
    assert not task_spec("echo").HasField("payload")
    assert task_spec("echo", False).HasField("payload")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        pytest.param({"delay": -1}, "delay", id="a negative duration"),
        pytest.param({"delay": float("nan")}, "delay", id="NaN"),
        pytest.param({"attempt_timeout": "5s"}, "attempt_timeout", id="a string for a duration"),
        pytest.param({"attempt_timeout": True}, "attempt_timeout", id="a bool for a duration"),
        pytest.param({"delay": 1e30}, "delay", id="an endless duration"),
        pytest.param({"run_at": datetime(2026, 1, 1)}, "run_at", id="no time zone"),  # noqa: DTZ001
        pytest.param({"run_at": NOON, "delay": 1}, "run_at", id="run_at and delay"),
        pytest.param({"priority": 2**40}, "priority", id="a number too large for the wire"),
        pytest.param({"labels": {"a": 1}}, "labels", id="a label that is no string"),
        pytest.param({"queue": 7}, "queue", id="a number for a string"),
    ],
)
def test_a_value_that_cannot_be_sent_is_refused_by_name(options: Any, field: str) -> None:
    with pytest.raises(errors.InvalidArgument) as raised:
        task_spec("echo", **options)

    assert [violation.field for violation in raised.value.violations] == [field]


def test_an_option_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="no option prioriti"):
        task_spec("echo", prioriti=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="no field handler"):
        task_filter(handler="echo")  # type: ignore[call-arg]


def test_a_filter_says_what_its_fields_say() -> None:
    chosen = task_filter(
        ids=["a", "b"],
        statuses=[TaskStatus.QUEUED],
        labels={"k": "v"},
        correlation_id="c",
        created_after=NOON,
    )

    expected = task_pb2.TaskFilter(
        ids=["a", "b"], statuses=[task_pb2.TASK_STATUS_QUEUED], labels={"k": "v"}, correlation_id="c"
    )
    expected.created_after.FromDatetime(NOON)
    assert chosen == expected


@pytest.mark.parametrize("field", ["ids", "handlers", "queues", "statuses", "labels", "correlation_id"])
def test_an_empty_condition_is_refused_for_it_would_match_every_task(field: str) -> None:
    empty: Any = {"labels": {}, "correlation_id": ""}.get(field, [])

    with pytest.raises(errors.InvalidArgument, match="every task"):
        task_filter(**{field: empty})


def test_a_string_is_not_taken_for_a_list_of_letters() -> None:
    with pytest.raises(errors.InvalidArgument, match="give a list"):
        task_filter(ids="abc")


@pytest.mark.parametrize(
    ("ours", "wire", "prefix"),
    [
        pytest.param(TaskStatus, task_pb2.TaskStatus, "TASK_STATUS_", id="TaskStatus"),
        pytest.param(CancelOutcome, pb.CancelOutcome, "CANCEL_OUTCOME_", id="CancelOutcome"),
    ],
)
def test_our_enums_are_the_wires(ours: Any, wire: Any, prefix: str) -> None:
    assert {prefix + member.name: member.value for member in ours} == dict(wire.items())


def test_a_number_of_a_newer_server_does_not_break_the_reader() -> None:
    assert TaskStatus(99) is TaskStatus.UNSPECIFIED
    assert CancelOutcome(99) is CancelOutcome.UNSPECIFIED
