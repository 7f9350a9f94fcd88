from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from millhand.kit import Handlers
from millhand.v1 import task_pb2, task_service_pb2
from millhand_server.core.cursor import Cursor
from millhand_server.core.execution import Isolation
from millhand_server.core.query import EVERYTHING, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import (
    DEFAULT_QUEUE,
    Attempt,
    Progress,
    RetryPolicy,
    Task,
    TaskError,
    TaskSpec,
)
from millhand_server.engine import answers
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.options import ManagerOptions
from millhand_server.rpc import convert
from millhand_server.rpc.codec import ProtoCodec
from millhand_server.rpc.convert_task import TaskWriter, task_spec

handlers = Handlers()
SECOND = 1_000_000


@handlers.handler("echo", timeout=7)
def echo(request: Any) -> Any:
    return request


WRITER = TaskWriter(Catalogue(handlers, ManagerOptions(max_retries=5), ProtoCodec()))
ENCODED = ProtoCodec().encode({"a": 1})


def _task(**fields: Any) -> Task:
    spec = fields.pop("spec", TaskSpec(handler="echo", id="t1", payload=ENCODED))
    row = {"sequence": 1, "status": TaskStatus.COMPLETED, "queue": "mail", "priority": 3}
    return Task(spec=spec, create_us=SECOND, due_us=2 * SECOND, **{**row, **fields})


def test_a_specification_is_read_as_it_was_sent() -> None:
    message = task_pb2.TaskSpec(
        id="t1",
        name="n",
        description="d",
        handler="echo",
        priority=-5,
        queue="mail",
        labels={"a": "b"},
        retries=0,
        retry_delay=Duration(seconds=1),
        retry_policy=task_pb2.RetryPolicy(backoff=3, max_delay=Duration(), non_retryable_reasons=["X"]),
        timeout=Duration(),
        start_timeout=Duration(nanos=1),
        deadline=Timestamp(seconds=5),
        delay=Duration(seconds=2),
        idempotency_key="k",
        correlation_id="c",
        traceparent="t",
    )
    message.payload.ParseFromString(ENCODED)

    assert task_spec(message) == TaskSpec(
        id="t1",
        name="n",
        description="d",
        handler="echo",
        payload=ENCODED,
        priority=-5,
        queue="mail",
        labels={"a": "b"},
        retries=0,
        retry_delay_us=SECOND,
        retry_policy=RetryPolicy(backoff=3, max_delay_us=0, non_retryable_reasons=("X",)),
        timeout_us=0,
        start_timeout_us=1,
        deadline_us=5 * SECOND,
        delay_us=2 * SECOND,
        idempotency_key="k",
        correlation_id="c",
        traceparent="t",
    )


def test_a_specification_with_a_time_to_run_at_is_read_so() -> None:
    message = task_pb2.TaskSpec(handler="echo", run_at=Timestamp(seconds=3, nanos=1_999))

    assert task_spec(message) == TaskSpec(handler="echo", run_at_us=3 * SECOND + 1)


def test_what_is_taken_only_unset_is_not_read() -> None:
    message = task_pb2.TaskSpec(handler="echo", heartbeat_timeout=Duration())

    assert task_spec(message) == TaskSpec(handler="echo")


def test_what_is_unset_stays_unset() -> None:
    assert task_spec(task_pb2.TaskSpec(handler="echo")) == TaskSpec(handler="echo", queue=DEFAULT_QUEUE)


def test_a_task_shows_the_defaults_in_force_for_it() -> None:
    message = WRITER.task(_task())

    assert (message.retries, message.timeout, message.retry_delay) == (
        5,
        Duration(seconds=7),
        Duration(seconds=1),
    )
    assert (message.retry_policy.backoff, message.retry_policy.max_delay.seconds) == (2, 60)
    assert (message.queue, message.priority) == ("mail", 3)


def test_a_tasks_own_settings_stand_before_the_defaults() -> None:
    policy = RetryPolicy(backoff=4, jitter=0.0, non_retryable_reasons=("X",))
    spec = TaskSpec(handler="echo", id="t1", retries=0, timeout_us=0, retry_policy=policy)

    message = WRITER.task(_task(spec=spec))

    assert (message.retries, message.timeout) == (0, Duration())
    assert message.HasField("timeout")
    assert (message.retry_policy.backoff, message.retry_policy.jitter) == (4, 0)
    assert list(message.retry_policy.non_retryable_reasons) == ["X"]


def test_every_field_of_a_specification_is_shown_as_it_was_sent() -> None:
    sent = task_pb2.TaskSpec(
        id="t1",
        name="n",
        description="d",
        handler="echo",
        priority=3,
        queue="mail",
        labels={"a": "b", "c": ""},
        retries=0,
        retry_delay=Duration(seconds=1),
        timeout=Duration(seconds=2),
        start_timeout=Duration(seconds=3),
        deadline=Timestamp(seconds=4),
        run_at=Timestamp(seconds=5),
        idempotency_key="k",
        correlation_id="c",
        traceparent="t",
    )

    shown = WRITER.task(_task(spec=task_spec(sent)))

    for field, value in sent.ListFields():
        assert getattr(shown, field.name) == value, field.name
    assert WRITER.task(_task(spec=TaskSpec(handler="echo", id="t1", delay_us=0))).HasField("delay")


def test_payload_and_heartbeat_are_for_the_full_view_only() -> None:
    task = _task(last_heartbeat=ENCODED, heartbeat_us=SECOND)

    basic, full = WRITER.task(task), WRITER.task(task, full=True)

    assert not basic.HasField("payload")
    assert not basic.HasField("last_heartbeat")
    assert basic.heartbeat_time == Timestamp(seconds=1)
    assert full.payload.SerializeToString(deterministic=True) == ENCODED
    assert full.last_heartbeat == full.payload


def test_everything_that_the_server_knows_of_a_task_is_shown() -> None:
    error = TaskError(13, "HANDLER_FAILED", "ValueError")
    task = _task(
        status=TaskStatus.FAILED,
        session_id="s",
        attempt=2,
        retries_used=1,
        start_us=3 * SECOND,
        complete_us=4 * SECOND,
        cancel_us=5 * SECOND,
        cancel_reason="why",
        expire_us=6 * SECOND,
        worker="w",
        node="n",
        error=error,
        progress=Progress(0.5, "half", SECOND),
        attempts=(Attempt(1, "n", "w", SECOND, 2 * SECOND, error), Attempt(2, "n", "w", 1, 2)),
        stuck=True,
        revision=9,
    )

    message = WRITER.task(task)

    assert message.status == task_pb2.TASK_STATUS_FAILED
    assert (message.attempt, message.retries_used, message.revision, message.stuck) == (2, 1, 9, True)
    assert (message.session_id, message.node, message.worker, message.cancel_reason) == ("s", "n", "w", "why")
    assert message.error.code == 13
    assert message.progress.fraction == 0.5
    assert [attempt.HasField("error") for attempt in message.attempts] == [True, False]
    times = (message.start_time, message.complete_time, message.cancel_time, message.expire_time)
    assert [time.seconds for time in times] == [3, 4, 5, 6]
    assert (message.create_time.seconds, message.due_time.seconds) == (1, 2)


def test_a_task_that_waits_for_its_next_attempt_shows_why_the_last_one_failed() -> None:
    failed = Attempt(1, "n", "w", 1, 2, TaskError(13, "HANDLER_FAILED", "ValueError"))

    waiting = WRITER.task(_task(status=TaskStatus.RETRYING, attempts=(failed,)))
    completed = WRITER.task(_task(attempts=(failed,)))

    assert waiting.error.message == "ValueError"
    assert not completed.HasField("error")


def test_a_result_carries_output_error_and_cursor() -> None:
    cursor = Cursor("0123456789abcdef", 5)

    good = WRITER.result(_task(output=ENCODED), cursor)
    bad = WRITER.result(_task(error=TaskError(1, "TASK_CANCELLED", "stop")), cursor)

    assert good.output.SerializeToString(deterministic=True) == ENCODED
    assert (good.cursor, good.HasField("error")) == ("0123456789abcdef-5", False)
    assert bad.error == bad.task.error
    assert not bad.HasField("output")


def test_an_empty_filter_is_the_one_that_matches_without_looking() -> None:
    assert convert.task_filter(task_pb2.TaskFilter()) is EVERYTHING


def test_a_filter_is_read_whole() -> None:
    message = task_pb2.TaskFilter(
        ids=["a"],
        handlers=["h"],
        queues=["q"],
        statuses=[task_pb2.TASK_STATUS_FAILED],
        labels={"k": "v"},
        correlation_id="c",
        created_after=Timestamp(seconds=1),
        created_before=Timestamp(seconds=2),
    )

    assert convert.task_filter(message) == TaskFilter(
        ids=frozenset({"a"}),
        handlers=frozenset({"h"}),
        queues=frozenset({"q"}),
        statuses=frozenset({TaskStatus.FAILED}),
        labels={"k": "v"},
        correlation_id="c",
        created_after_us=SECOND,
        created_before_us=2 * SECOND,
    )


CURSOR = Cursor("0123456789abcdef", 5)


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (answers.ResultFrame(_task(), CURSOR), "result"),
        (answers.ProgressFrame("t1", 1, Progress(0.5, "", 1), CURSOR), "progress"),
        (answers.GapFrame("x", CURSOR, None, replaced=True), "gap"),
        (answers.KeepAliveFrame(CURSOR), "keep_alive"),
        (answers.EndFrame(answers.EndReason.SHUTDOWN, "bye", CURSOR), "end"),
    ],
    ids=["result", "progress", "gap", "keep-alive", "end"],
)
def test_every_frame_of_a_stream_has_its_kind_and_cursor(frame: answers.StreamFrame, kind: str) -> None:
    message = convert.stream_frame(frame, WRITER, full=False)

    assert message.WhichOneof("kind") == kind
    assert message.cursor == str(CURSOR)


def test_a_gap_of_unknown_size_says_nothing_of_it() -> None:
    unknown = convert.gap(answers.GapFrame("x", CURSOR, None))
    known = convert.gap(answers.GapFrame("x", CURSOR, 0))

    assert not unknown.HasField("missed")
    assert known.HasField("missed")


@pytest.mark.parametrize(
    ("ours", "wire"),
    [
        (TaskStatus, task_pb2.TaskStatus),
        (answers.CancelOutcome, task_service_pb2.CancelOutcome),
        (answers.BlockReason, task_service_pb2.BlockReason),
        (answers.EndReason, task_service_pb2.EndReason),
        (answers.SlowReaderPolicy, task_service_pb2.SlowReader),
        (answers.CloseMode, task_service_pb2.ShutdownMode),
    ],
    ids=lambda kind: getattr(kind, "__name__", None) or kind.DESCRIPTOR.name,
)
def test_the_numbers_of_our_enums_are_those_of_the_wire(ours: Any, wire: Any) -> None:
    names = {value.name.split(f"{_prefix(wire)}_", 1)[1]: value.number for value in wire.DESCRIPTOR.values}

    assert {member.name: member.value for member in ours} == {k: n for k, n in names.items() if n}


def _prefix(wire: Any) -> str:
    zero: str = wire.DESCRIPTOR.values_by_number[0].name
    return zero.removesuffix("_UNSPECIFIED")


def test_the_numbers_of_isolation_are_those_of_the_wire() -> None:
    from millhand.v1 import handler_pb2

    wire = handler_pb2.Isolation.DESCRIPTOR.values_by_name

    assert {member.name: member.value for member in Isolation} == {
        name.removeprefix("ISOLATION_"): value.number for name, value in wire.items() if value.number
    }


def test_a_task_repeats_every_field_of_its_specification() -> None:
    def shape(message: type[Message]) -> dict[str, tuple[int, int]]:
        fields = message.DESCRIPTOR.fields
        return {field.name: (field.number, field.type) for field in fields if field.number < 40}

    assert shape(task_pb2.Task) == shape(task_pb2.TaskSpec)
