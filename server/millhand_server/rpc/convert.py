"""Filters, frames and answers between the wire and the engine. Nothing is checked or decided here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from millhand.v1 import task_pb2, task_service_pb2
from millhand_server.core.query import EVERYTHING, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.engine.answers import (
    AllCancelled,
    Block,
    CancelOutcome,
    EndFrame,
    Explanation,
    GapFrame,
    KeepAliveFrame,
    ProgressFrame,
    ResultFrame,
    ResultsPage,
    SlowReaderPolicy,
    StreamFrame,
    WaitEnd,
)
from millhand_server.engine.options import Limits
from millhand_server.engine.reading import ReadRequest
from millhand_server.rpc.convert_task import TaskWriter, progress
from millhand_server.rpc.wire_time import timestamp_us, write_duration, write_timestamp


def task_filter(message: task_pb2.TaskFilter) -> TaskFilter:
    """Reads a filter; an empty one is `EVERYTHING` itself, which matches without looking."""
    if not message.ByteSize():
        return EVERYTHING
    return TaskFilter(
        ids=frozenset(message.ids),
        handlers=frozenset(message.handlers),
        queues=frozenset(message.queues),
        statuses=frozenset(TaskStatus(number) for number in message.statuses),
        labels=dict(message.labels),
        correlation_id=message.correlation_id,
        created_after_us=timestamp_us(message.created_after) if message.HasField("created_after") else None,
        created_before_us=timestamp_us(message.created_before)
        if message.HasField("created_before")
        else None,
    )


def is_full(view: task_service_pb2.TaskView) -> bool:
    return view == task_service_pb2.TASK_VIEW_FULL


def read_request(request: task_service_pb2.StreamResultsRequest) -> ReadRequest:
    return ReadRequest(
        wanted=task_filter(request.filter),
        after=request.after,
        follow=request.follow,
        close_on_completion=request.close_on_completion,
        include_progress=request.include_progress,
        policy=SlowReaderPolicy(request.slow_reader or SlowReaderPolicy.BLOCK),
    )


def stream_frame(
    frame: StreamFrame, writer: TaskWriter, *, full: bool
) -> task_service_pb2.StreamResultsResponse:
    message = task_service_pb2.StreamResultsResponse(cursor=str(frame.cursor))
    match frame:
        case ResultFrame():
            writer.result(frame.task, frame.cursor, full=full, into=message.result)
        case ProgressFrame():
            message.progress.CopyFrom(progress_update(frame))
        case GapFrame():
            message.gap.CopyFrom(gap(frame))
        case KeepAliveFrame():
            message.keep_alive.SetInParent()
        case EndFrame():
            message.end.CopyFrom(_end(frame))
    return message


def cancelled_frame(frame: StreamFrame, writer: TaskWriter) -> task_service_pb2.GetCancelledResponse:
    """Writes a frame of a stream of cancelled tasks, which carries tasks instead of results."""
    message = task_service_pb2.GetCancelledResponse(cursor=str(frame.cursor))
    match frame:
        case ResultFrame():
            message.task.CopyFrom(writer.task(frame.task))
        case GapFrame():
            message.gap.CopyFrom(gap(frame))
        case EndFrame():
            message.end.CopyFrom(_end(frame))
        case _:
            message.keep_alive.SetInParent()
    return message


def progress_update(frame: ProgressFrame) -> task_service_pb2.ProgressUpdate:
    return task_service_pb2.ProgressUpdate(
        task_id=frame.task_id, attempt=frame.attempt, progress=progress(frame.progress)
    )


def gap(frame: GapFrame) -> task_service_pb2.Gap:
    return task_service_pb2.Gap(
        from_cursor=frame.from_cursor,
        to_cursor=str(frame.cursor),
        missed=frame.missed,
        log_replaced=frame.replaced,
    )


def results_page(
    page: ResultsPage, results: Iterable[task_pb2.Result]
) -> task_service_pb2.GetResultsResponse:
    """Writes a page with those of its results that fit; what is cut off comes after `next_cursor` again."""
    message = task_service_pb2.GetResultsResponse(results=results)
    cut = len(message.results) < len(page.results)
    message.next_cursor = message.results[-1].cursor if cut else str(page.next_cursor)
    if page.gap is not None:
        message.gap.CopyFrom(gap(page.gap))
    return message


def status_counts(counts: Mapping[TaskStatus, int]) -> list[task_pb2.StatusCount]:
    return [
        task_pb2.StatusCount(status=status.value, count=count)  # type: ignore[arg-type]
        for status, count in sorted(counts.items())
        if count
    ]


def cancel_counts(counts: Mapping[CancelOutcome, int]) -> list[task_service_pb2.CancelCount]:
    return [
        task_service_pb2.CancelCount(outcome=outcome.value, count=count)  # type: ignore[arg-type]
        for outcome, count in sorted(counts.items())
        if count
    ]


def all_cancelled(answer: AllCancelled) -> task_service_pb2.CancelAllAndWaitResponse:
    return task_service_pb2.CancelAllAndWaitResponse(
        counts=cancel_counts(answer.counts), still_running_ids=answer.still_running
    )


def wait_end(answer: WaitEnd) -> task_service_pb2.WaitResponse:
    return task_service_pb2.WaitResponse(done=answer.done, counts=status_counts(answer.counts))


def explanation(answer: Explanation) -> task_service_pb2.ExplainTaskResponse:
    message = task_service_pb2.ExplainTaskResponse(
        status=answer.status.value,  # type: ignore[arg-type]
        reasons=[_reason(block) for block in answer.reasons],
    )
    if answer.estimated_start_us is not None:
        write_timestamp(message.estimated_start, answer.estimated_start_us)
    return message


def limits(values: Limits) -> task_service_pb2.Limits:
    return task_service_pb2.Limits(
        max_message_bytes=values.max_message_bytes,
        max_payload_bytes=values.max_payload_bytes,
        max_batch_tasks=values.max_batch_tasks,
        max_json_depth=values.max_json_depth,
        max_queued=values.max_queued,
        max_streams=values.max_streams,
    )


def _end(frame: EndFrame) -> task_service_pb2.End:
    return task_service_pb2.End(reason=frame.reason.value, message=frame.message)  # type: ignore[arg-type]


def _reason(block: Block) -> task_service_pb2.ExplainReason:
    message = task_service_pb2.ExplainReason(
        reason=block.reason.value,  # type: ignore[arg-type]
        message=block.message,
        name=block.name,
        limit=block.limit,
        used=block.used,
        ahead=block.ahead,
        holder=block.holder,
    )
    if block.wait_us is not None:
        write_duration(message.wait, block.wait_us)
    return message
