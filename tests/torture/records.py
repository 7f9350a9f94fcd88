"""What the client reads, as it is written down."""

from __future__ import annotations

import json

from tests.torture.histories import Ending, Event, GapRead, Read

from millhand import CancelledTask, Gap, Progress, Result, TaskStatus
from millhand.errors import MillhandError
from millhand.v1 import task_pb2

Record = Result | CancelledTask | Gap | Progress


def event_of(record: Record, stream: str) -> Event | None:
    """Returns a record as it is written down."""
    if isinstance(record, Gap):
        return GapRead(
            stream=stream, cursor=record.cursor, missed=record.missed, replaced=record.log_replaced
        )
    if isinstance(record, CancelledTask):
        return Read(stream=stream, cursor=record.cursor, ending=ending_of(record.task))
    if isinstance(record, Result):
        return Read(stream=stream, cursor=record.cursor, ending=ending_of_result(record))
    return None


def ending_of_result(result: Result) -> Ending:
    """Returns what a Result says, with the mark of the attempt that made it."""
    ending = ending_of(result.task)
    error = result.error
    mark = result.output if error is None else _mark_in(error)
    reason = "" if error is None else error.reason
    return Ending(
        id=ending.id,
        name=ending.name,
        status=ending.status,
        attempt=ending.attempt,
        retries_used=ending.retries_used,
        reason=reason,
        began=mark.get("began") if isinstance(mark, dict) else None,
    )


def ending_of(task: task_pb2.Task) -> Ending:
    """Returns what a final task says of itself."""
    return Ending(
        id=task.id,
        name=task.idempotency_key or task.id,
        status=TaskStatus(task.status).name,
        attempt=task.attempt,
        retries_used=task.retries_used,
    )


def _mark_in(error: MillhandError) -> object:
    """Returns the mark in the text of a handler's own error; nothing for errors of the server's."""
    return json.loads(error.message) if error.message.startswith("{") else None
