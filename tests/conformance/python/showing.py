"""What the client gave, as the runner is told of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from tests.conformance.wire import conformance_pb2 as wire

import millhand
from millhand import errors
from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb


def value(output: object) -> wire.Value:
    """A natural value, told again."""
    match output:
        case bytes():
            return wire.Value(blob=wire.Blob(data=output))
        case millhand.Blob():
            return wire.Value(blob=wire.Blob(data=output.data, content_type=output.content_type))
        case any_pb2.Any():
            return wire.Value(message=output)
        case Message():
            packed = any_pb2.Any()
            packed.Pack(output)
            return wire.Value(message=packed)
        case _:
            return wire.Value(json=json.dumps(output, ensure_ascii=False, sort_keys=True))


def failure(error: BaseException) -> wire.Failure:
    """An error as a user would branch on it."""
    if isinstance(error, asyncio.CancelledError):
        return wire.Failure(type="CancelledError", code=grpc.StatusCode.CANCELLED.value[0])
    if isinstance(error, TimeoutError):
        return wire.Failure(type="TimeoutError", code=grpc.StatusCode.DEADLINE_EXCEEDED.value[0])
    if not isinstance(error, errors.MillhandError):
        return wire.Failure(
            type=type(error).__name__, code=grpc.StatusCode.UNKNOWN.value[0], message=str(error)
        )
    shown = wire.Failure(
        type=type(error).__name__,
        code=error.code.value[0],
        reason=error.reason,
        metadata=error.metadata,
        violations=[wire.Violation(field=one.field, description=one.description) for one in error.violations],
        message=error.message,
    )
    if error.retry_after is not None:
        shown.retry_after.FromTimedelta(error.retry_after)
    if isinstance(error, errors.TaskDidNotComplete) and error.task is not None:
        shown.task.CopyFrom(error.task)
    return shown


def result(one: millhand.Result, *, brief: bool) -> wire.Result:
    shown = wire.Result(task=one.task, cursor=one.cursor)
    if one.error is not None:
        shown.failure.CopyFrom(failure(one.error))
    elif not brief and one.message.HasField("output"):
        shown.output.CopyFrom(value(one.output))
    return shown


def registered(one: millhand.Registered) -> wire.Registered:
    if one.error is not None:
        return wire.Registered(failure=failure(one.error))
    return wire.Registered(task=one.task, created=one.created)


def progress(one: millhand.Progress) -> pb.ProgressUpdate:
    latest = task_pb2.Progress(fraction=one.fraction, message=one.message)
    latest.update_time.FromDatetime(one.update_time)
    return pb.ProgressUpdate(task_id=one.task_id, attempt=one.attempt, progress=latest)


def cancelled_all(answer: millhand.CancelledAll) -> wire.CancelledAll:
    counts = [pb.CancelCount(outcome=outcome(one), count=n) for one, n in answer.counts.items()]
    return wire.CancelledAll(counts=counts, still_running_ids=answer.still_running_ids)


def outcome(one: millhand.CancelOutcome) -> str:
    return pb.CancelOutcome.Name(one.value)


def waited(one: millhand.Waited) -> wire.Waited:
    return wire.Waited(done=one.done, counts=_counts(one.counts))


def seconds(duration: duration_pb2.Duration) -> float:
    return duration.ToTimedelta().total_seconds()


def _counts(counts: Mapping[millhand.TaskStatus, int]) -> Iterable[task_pb2.StatusCount]:
    named = {task_pb2.TaskStatus.Name(status.value): count for status, count in counts.items()}
    return [task_pb2.StatusCount(status=status, count=count) for status, count in named.items()]
