from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Value
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from millhand.v1 import payload_pb2, task_pb2, task_service_pb2
from millhand_server.core import errors
from millhand_server.core.errors import MillhandError
from millhand_server.core.task import TaskSpec
from millhand_server.engine.options import Limits
from millhand_server.rpc import validation
from millhand_server.rpc.convert_task import task_spec
from millhand_server.rpc.wire_time import MAX_DELAY_S, MAX_DURATION_S, duration_us

Spec = task_pb2.TaskSpec
LIMITS = Limits(max_payload_bytes=10_000, max_batch_tasks=3, max_json_depth=3)


def _refusal(request: Message) -> MillhandError:
    with pytest.raises(MillhandError) as refused:
        validation.check(request, LIMITS)
    return refused.value


def _register(**fields: Any) -> task_service_pb2.RegisterTaskRequest:
    return task_service_pb2.RegisterTaskRequest(task=Spec(**{"handler": "echo", **fields}))


def _json(value: Value) -> payload_pb2.Payload:
    return payload_pb2.Payload(json=value)


def _list(*values: Value) -> Value:
    return Value(list_value=ListValue(values=values))


def _deep(levels: int) -> Value:
    value = Value(bool_value=True)
    for _ in range(levels):
        value = _list(value)
    return value


BAD_TASKS: dict[str, tuple[dict[str, Any], str, type[MillhandError]]] = {
    "no-handler": ({"handler": ""}, "handler", errors.InvalidTaskFunc),
    "long-handler": ({"handler": "h" * 257}, "handler", errors.InvalidTaskFunc),
    "unprintable-handler": ({"handler": "a\x00b"}, "handler", errors.InvalidTaskFunc),
    "long-id": ({"id": "é" * 129}, "id", errors.InvalidTaskId),
    "unprintable-id": ({"id": "a\nb"}, "id", errors.InvalidTaskId),
    "long-name": ({"name": "n" * 257}, "name", errors.InvalidArgument),
    "long-description": ({"description": "d" * 4097}, "description", errors.InvalidArgument),
    "long-queue": ({"queue": "q" * 257}, "queue", errors.InvalidArgument),
    "unprintable-queue": ({"queue": "\t"}, "queue", errors.InvalidArgument),
    "long-key": ({"idempotency_key": "k" * 257}, "idempotency_key", errors.InvalidArgument),
    "long-correlation": ({"correlation_id": "k" * 257}, "correlation_id", errors.InvalidArgument),
    "long-traceparent": ({"traceparent": "k" * 257}, "traceparent", errors.InvalidArgument),
    "low-priority": ({"priority": -101}, "priority", errors.InvalidArgument),
    "high-priority": ({"priority": 101}, "priority", errors.InvalidArgument),
    "many-labels": ({"labels": {str(i): "" for i in range(33)}}, "labels", errors.InvalidArgument),
    "empty-label": ({"labels": {"": "x"}}, "labels", errors.InvalidArgument),
    "long-label-key": ({"labels": {"x" * 257: ""}}, "labels", errors.InvalidArgument),
    "long-label": ({"labels": {"a": "x" * 257}}, "labels['a']", errors.InvalidArgument),
    "retries": ({"retries": -1}, "retries", errors.InvalidArgument),
    "negative-timeout": ({"timeout": Duration(seconds=-1)}, "timeout", errors.InvalidArgument),
    "negative-nanos": ({"timeout": Duration(nanos=-1)}, "timeout", errors.InvalidArgument),
    "mixed-signs": (
        {"start_timeout": Duration(seconds=1, nanos=-1)},
        "start_timeout",
        errors.InvalidArgument,
    ),
    "mixed-signs-too": (
        {"retry_delay": Duration(seconds=-1, nanos=1)},
        "retry_delay",
        errors.InvalidArgument,
    ),
    "nanos": ({"retry_delay": Duration(nanos=10**9)}, "retry_delay", errors.InvalidArgument),
    "too-long": ({"timeout": Duration(seconds=MAX_DURATION_S + 1)}, "timeout", errors.InvalidArgument),
    "negative-delay": ({"delay": Duration(seconds=-5)}, "delay", errors.InvalidArgument),
    "delay-past-9999": ({"delay": Duration(seconds=MAX_DELAY_S + 1)}, "delay", errors.InvalidArgument),
    "year-10000": ({"run_at": Timestamp(seconds=253402300800)}, "run_at", errors.InvalidArgument),
    "year-0": ({"deadline": Timestamp(seconds=-62135596801)}, "deadline", errors.InvalidArgument),
    "stamp-nanos": ({"run_at": Timestamp(nanos=-1)}, "run_at", errors.InvalidArgument),
    "stamp-nanos-too": ({"deadline": Timestamp(nanos=10**9)}, "deadline", errors.InvalidArgument),
    "fairness": ({"fairness_key": "k"}, "fairness_key", errors.Unsupported),
    "heartbeat": ({"heartbeat_timeout": Duration(seconds=1)}, "heartbeat_timeout", errors.Unsupported),
    "bad-heartbeat": ({"heartbeat_timeout": Duration(nanos=-1)}, "heartbeat_timeout", errors.InvalidArgument),
}


@pytest.mark.parametrize(("fields", "field", "kind"), BAD_TASKS.values(), ids=BAD_TASKS)
def test_a_task_out_of_bounds_is_refused_by_field(
    fields: dict[str, Any], field: str, kind: type[MillhandError]
) -> None:
    error = _refusal(_register(**fields))

    assert type(error) is kind
    assert [violation.field for violation in error.violations] == [f"task.{field}"]
    assert error.message.startswith(f"task.{field} ")


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"backoff": 0.5}, "backoff"),
        ({"backoff": 10.5}, "backoff"),
        ({"backoff": math.nan}, "backoff"),
        ({"backoff": -1}, "backoff"),
        ({"jitter": 1.1}, "jitter"),
        ({"jitter": -0.1}, "jitter"),
        ({"jitter": math.nan}, "jitter"),
        ({"max_delay": Duration(seconds=-1)}, "max_delay"),
        ({"non_retryable_reasons": ["a", "x" * 257]}, "non_retryable_reasons[1]"),
        ({"non_retryable_reasons": ["a"] * 101}, "non_retryable_reasons"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_retry_policy_out_of_bounds_is_refused_by_field(policy: dict[str, Any], field: str) -> None:
    error = _refusal(_register(retry_policy=task_pb2.RetryPolicy(**policy)))

    assert [violation.field for violation in error.violations] == [f"task.retry_policy.{field}"]


BAD_PAYLOADS = {
    "no-kind": (payload_pb2.Payload(), "payload", errors.InvalidPayload),
    "empty-value": (_json(Value()), "payload.json", errors.InvalidPayload),
    "empty-inside": (_json(_list(Value(bool_value=True), Value())), "payload.json[1]", errors.InvalidPayload),
    "nan": (_json(Value(number_value=math.nan)), "payload.json", errors.InvalidPayload),
    "inf": (_json(_list(Value(number_value=-math.inf))), "payload.json[0]", errors.InvalidPayload),
    "deep": (_json(_deep(4)), "payload.json[0][0][0]", errors.InvalidPayload),
    "large": (
        payload_pb2.Payload(blob=payload_pb2.Blob(data=b"x" * 10_000)),
        "payload",
        errors.PayloadTooLarge,
    ),
    "content-type": (
        payload_pb2.Payload(blob=payload_pb2.Blob(content_type="x" * 257)),
        "payload.blob.content_type",
        errors.InvalidArgument,
    ),
    "unknown-type": (
        payload_pb2.Payload(message=AnyMessage(type_url="x/nobody.Knows")),
        "payload.message",
        errors.InvalidPayload,
    ),
    "broken-message": (
        payload_pb2.Payload(message=AnyMessage(type_url="x/google.protobuf.Duration", value=b"\xff")),
        "payload.message",
        errors.InvalidPayload,
    ),
}


@pytest.mark.parametrize(("payload", "path", "kind"), BAD_PAYLOADS.values(), ids=BAD_PAYLOADS)
def test_a_bad_payload_is_refused_with_the_path_inside_it(
    payload: payload_pb2.Payload, path: str, kind: type[MillhandError]
) -> None:
    error = _refusal(_register(payload=payload))

    assert type(error) is kind
    assert [violation.field for violation in error.violations] == [f"task.{path}"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"id": "é" * 128, "name": "n" * 256, "description": "d" * 4096, "queue": "q" * 256},
        {"priority": -100, "retries": 0, "labels": {str(i): "v" * 256 for i in range(32)}},
        {"priority": 100, "timeout": Duration(), "start_timeout": Duration(seconds=MAX_DURATION_S)},
        {"run_at": Timestamp(seconds=253402300799, nanos=999_999_999)},
        {"deadline": Timestamp(seconds=-62135596800)},
        {"delay": Duration(seconds=MAX_DELAY_S)},
        {"retry_policy": task_pb2.RetryPolicy(backoff=1, jitter=0, max_delay=Duration())},
        {"retry_policy": task_pb2.RetryPolicy(backoff=10, jitter=1)},
        {"retry_policy": task_pb2.RetryPolicy(non_retryable_reasons=["r" * 256] * 100)},
        {"heartbeat_timeout": Duration()},
        {"payload": _json(Value(null_value=NULL_VALUE))},
        {"payload": _json(_deep(3))},
        {"payload": payload_pb2.Payload(blob=payload_pb2.Blob())},
    ],
    ids=lambda fields: " ".join(fields) or "plain",
)
def test_a_task_at_its_bounds_is_taken(fields: dict[str, Any]) -> None:
    validation.check(_register(**fields), LIMITS)


def test_all_faults_of_a_request_are_named_at_once() -> None:
    bad = Spec(handler="echo", priority=200, retries=-1, timeout=Duration(seconds=-1))

    error = _refusal(task_service_pb2.RegisterTasksRequest(tasks=[Spec(handler="echo"), bad]))

    assert [violation.field for violation in error.violations] == [
        "tasks[1].priority",
        "tasks[1].retries",
        "tasks[1].timeout",
    ]
    assert error.message.endswith("(and 2 more)")


def test_a_request_with_very_many_faults_is_not_looked_at_to_its_end() -> None:
    limits = Limits()
    bad = Spec(handler="echo", priority=200)

    with pytest.raises(MillhandError) as refused:
        validation.check(task_service_pb2.RegisterTasksRequest(tasks=[bad] * 1_000), limits)

    assert len(refused.value.violations) == 200
    assert refused.value.message.endswith("(and at least 199 more)")


def test_faults_of_different_kinds_are_an_invalid_argument() -> None:
    error = _refusal(_register(fairness_key="k", handler=""))

    assert type(error) is errors.InvalidArgument


V1 = task_service_pb2
BAD_REQUESTS: dict[str, tuple[Message, str]] = {
    "no-task": (V1.RegisterTaskRequest(), "task"),
    "no-tasks": (V1.RegisterTasksRequest(), "tasks"),
    "many-tasks": (V1.RegisterTasksRequest(tasks=[Spec(handler="echo")] * 4), "tasks"),
    "mode": (V1.RegisterTasksRequest(tasks=[Spec(handler="echo")], mode=9), "mode"),  # type: ignore[arg-type]
    "no-target": (V1.ExecuteTaskRequest(), "target"),
    "empty-target": (V1.ExecuteTaskRequest(id=""), "id"),
    "on-timeout": (V1.ExecuteTaskRequest(id="a", on_timeout=9), "on_timeout"),  # type: ignore[arg-type]
    "execute-view": (V1.ExecuteTaskRequest(id="a", view=9), "view"),  # type: ignore[arg-type]
    "execute-timeout": (V1.ExecuteTaskRequest(id="a", timeout=Duration(nanos=-1)), "timeout"),
    "cancel-id": (V1.CancelTaskRequest(), "id"),
    "cancel-reason": (V1.CancelTaskRequest(id="a", reason="x" * 4097), "reason"),
    "cancel-wait": (V1.CancelTaskRequest(id="a", wait=Duration(seconds=-1)), "wait"),
    "cancel-all-reason": (V1.CancelAllRequest(reason="x" * 4097), "reason"),
    "cancel-all-timeout": (V1.CancelAllAndWaitRequest(timeout=Duration(seconds=-1)), "timeout"),
    "get-id": (V1.GetTaskRequest(id="x" * 257), "id"),
    "get-view": (V1.GetTaskRequest(id="a", view=9), "view"),  # type: ignore[arg-type]
    "page-size": (V1.GetTasksRequest(page_size=-1), "page_size"),
    "active-page-size": (V1.GetActiveTasksRequest(page_size=-1), "page_size"),
    "results-page-size": (V1.GetResultsRequest(page_size=-1), "page_size"),
    "filter-id": (V1.GetTasksRequest(filter={"ids": ["a", "x" * 257]}), "filter.ids[1]"),
    "filter-ids": (V1.GetTasksRequest(filter={"ids": ["a"] * 10_001}), "filter.ids"),
    "filter-handlers": (V1.WaitRequest(filter={"handlers": ["a"] * 1_001}), "filter.handlers"),
    "filter-queues": (V1.CancelAllRequest(filter={"queues": ["a"] * 1_001}), "filter.queues"),
    "filter-statuses": (V1.StreamResultsRequest(filter={"statuses": [8] * 1_001}), "filter.statuses"),
    "filter-labels": (
        V1.GetResultsRequest(filter={"labels": {str(i): "" for i in range(33)}}),
        "filter.labels",
    ),
    "no-status": (V1.GetTasksRequest(filter={"statuses": [0]}), "filter.statuses[0]"),
    "reserved-status": (V1.WaitRequest(filter={"statuses": [7]}), "filter.statuses[0]"),
    "status": (V1.CancelAllRequest(filter={"statuses": [8, 99]}), "filter.statuses[1]"),
    "filter-label": (V1.WaitRequest(filter={"labels": {"": ""}}), "filter.labels"),
    "created": (
        V1.GetResultsRequest(filter={"created_after": Timestamp(nanos=-1)}),
        "filter.created_after",
    ),
    "close-without-ids": (V1.StreamResultsRequest(close_on_completion=True), "filter.ids"),
    "slow-reader": (V1.StreamResultsRequest(slow_reader=9), "slow_reader"),  # type: ignore[arg-type]
    "workers": (V1.StartWorkersRequest(count=-1), "count"),
    "wait": (V1.WaitRequest(timeout=Duration(seconds=-1)), "timeout"),
    "shutdown-mode": (V1.ShutdownRequest(mode=9), "mode"),  # type: ignore[arg-type]
    "shutdown-timeout": (V1.ShutdownRequest(timeout=Duration(seconds=-1)), "timeout"),
    "explain": (V1.ExplainTaskRequest(), "id"),
    "session-kind": (V1.SessionRequest(request_id="1"), "kind"),
    "session-request-id": (V1.SessionRequest(request_id="x" * 257, ping=V1.SessionPing()), "request_id"),
    "session-id": (V1.SessionRequest(hello=V1.SessionHello(session_id="a\n")), "hello.session_id"),
    "session-batch": (V1.SessionRequest(register=V1.SessionRegister()), "register.tasks"),
    "session-task": (
        V1.SessionRequest(register=V1.SessionRegister(tasks=[Spec(handler="e", priority=200)])),
        "register.tasks[0].priority",
    ),
    "session-cancel": (V1.SessionRequest(cancel=V1.SessionCancel()), "cancel.ids"),
    "session-cancel-id": (V1.SessionRequest(cancel=V1.SessionCancel(ids=["a", ""])), "cancel.ids[1]"),
    "session-scope": (V1.SessionRequest(subscribe={"scope": 9}), "subscribe.scope"),
    "session-credit": (V1.SessionRequest(credit=V1.SessionCredit()), "credit.results"),
    "session-credit-less": (V1.SessionRequest(credit=V1.SessionCredit(results=-1)), "credit.results"),
}


@pytest.mark.parametrize(("request_", "field"), BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_a_bad_request_is_refused_by_field(request_: Message, field: str) -> None:
    error = _refusal(request_)

    assert [violation.field for violation in error.violations] == [field]


def test_every_request_of_the_service_and_of_a_session_has_its_check() -> None:
    service = V1.DESCRIPTOR.services_by_name["TaskService"]
    requests: list[Any] = [method.input_type for method in service.methods]
    kinds = V1.SessionRequest.DESCRIPTOR.oneofs_by_name["kind"].fields
    requests += [field.message_type for field in kinds if field.message_type]

    assert {GetMessageClass(descriptor) for descriptor in requests} == validation.CHECKS.keys()


def _value(field: FieldDescriptor) -> Any:
    """Returns a value that the field may have if the server supports it, and that is not what unset means."""
    if field.message_type is None:
        return "a" if field.type == FieldDescriptor.TYPE_STRING else 1
    if field.name == "labels":
        return {"a": "b"}
    return {
        "Payload": _json(Value(bool_value=True)),
        "RetryPolicy": task_pb2.RetryPolicy(backoff=2),
        "Duration": Duration(seconds=1),
        "Timestamp": Timestamp(seconds=1),
    }[field.message_type.name]


@pytest.mark.parametrize("field", list(Spec.DESCRIPTOR.fields), ids=lambda field: field.name)
def test_every_field_of_a_task_is_checked_and_is_read_or_refused(field: FieldDescriptor) -> None:
    task = Spec(**{"handler": "echo", field.name: _value(field)})
    register = V1.SessionRequest(register=V1.SessionRegister(tasks=[task]))

    if field.name in ("heartbeat_timeout", "fairness_key"):
        assert type(_refusal(register)) is errors.Unsupported
    else:
        validation.check(register, LIMITS)
        assert validation.read(register, LIMITS) == [task_spec(task)]
        assert task_spec(task) != TaskSpec(handler="echo")


def test_a_request_that_registers_nothing_is_read_to_no_tasks() -> None:
    assert not validation.read(V1.SessionRequest(ping=V1.SessionPing()), LIMITS)


def test_a_request_that_cannot_be_read_is_refused_as_by_the_check() -> None:
    register = V1.SessionRegister(tasks=[Spec(handler="echo", priority=200), Spec(handler="echo")])
    request = V1.SessionRequest(register=register)

    with pytest.raises(MillhandError) as refused:
        validation.read(request, LIMITS)

    assert refused.value.violations == _refusal(request).violations


def test_a_missing_handler_is_named_before_all_other_faults() -> None:
    error = _refusal(_register(handler="", name="n" * 257, priority=200))

    assert [violation.field for violation in error.violations] == [
        "task.handler",
        "task.name",
        "task.priority",
    ]


def test_the_faults_of_a_batch_are_named_with_the_place_of_their_task() -> None:
    nameless, deep = Spec(), Spec(handler="echo", payload=_json(_deep(4)))
    register = V1.SessionRegister(tasks=[nameless, Spec(handler="echo"), deep])

    error = _refusal(V1.SessionRequest(request_id="x" * 257, register=register))

    assert [violation.field for violation in error.violations] == [
        "request_id",
        "register.tasks[0].handler",
        "register.tasks[2].payload.json[0][0][0]",
    ]


def test_a_batch_whose_tasks_fail_one_by_one_is_taken_and_judged_task_by_task() -> None:
    tasks = [Spec(handler="echo"), Spec(handler="echo", priority=200)]

    validation.check(V1.RegisterTasksRequest(tasks=tasks, mode=V1.REGISTER_MODE_PER_ITEM), LIMITS)
    good, bad = validation.read_each(tasks, LIMITS)
    register = V1.SessionRegister(tasks=tasks, mode=V1.REGISTER_MODE_PER_ITEM)
    first, second = validation.read(V1.SessionRequest(register=register), LIMITS)

    assert first == good == task_spec(tasks[0])
    for error in (bad, second):
        assert isinstance(error, errors.InvalidArgument)
        assert [violation.field for violation in error.violations] == ["tasks[1].priority"]


@given(st.binary(max_size=200))
def test_whatever_parses_is_judged_without_another_error(data: bytes) -> None:
    try:
        request = V1.RegisterTaskRequest(task=Spec.FromString(data))
    except DecodeError:
        return

    with contextlib.suppress(MillhandError):
        validation.check(request, LIMITS)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [(Duration(), 0), (Duration(nanos=1), 1), (Duration(seconds=1, nanos=1000), 1_000_001)],
    ids=["zero", "one-nano", "exact"],
)
def test_a_duration_is_never_rounded_down_to_no_limit(duration: Duration, expected: int) -> None:
    assert duration_us(duration) == expected
