"""A reader's place in the log across connections: a frame moves the cursor, a new request starts from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from millhand import errors
from millhand.protocol import records
from millhand.v1 import task_service_pb2

#: What a session gives.
SessionRecord = records.Result | records.Gap | records.Progress
Record = SessionRecord | records.CancelledTask
Frame = task_service_pb2.StreamResultsResponse | task_service_pb2.GetCancelledResponse
#: What to do at a gap: give it as a record, raise ResultsMissed, or call a function and go on.
OnGap = Literal["yield", "raise"] | Callable[[records.Gap], None]


class Resume:
    """The state of one reading of the log, whatever number of streams it takes. Not thread-safe.

    Attributes:
        cursor: Everything up to here has been given; empty until the server has named a place.
        done: The server said that nothing more comes.
    """

    def __init__(self, after: str = "", on_gap: OnGap = "yield", outlive_shutdown: bool = True) -> None:
        self.cursor = after
        self.done = False
        self._on_gap = on_gap
        self._outlive_shutdown = outlive_shutdown

    def receive(self, frame: Frame) -> Record | None:
        """The record in `frame`, or None if it only moved the cursor or ended the reading.

        Raises:
            Closing: The server shuts down, and another connection may go on from `cursor`.
            SlowReader: The server gave up on this reader; reading may go on from `cursor`.
            ResultsMissed: At a gap, if asked for.
        """
        record = self._record_in(frame)
        # A gap's own end stands in for a cursor that the frame may lack.
        self.cursor = frame.cursor or (frame.gap.to_cursor if frame.HasField("gap") else "") or self.cursor
        if isinstance(record, records.Gap):
            return self._at_gap(record)
        return record

    def broken(self) -> errors.Unavailable:
        """What a stream amounts to that ended without its last frame: a lost connection."""
        return errors.Unavailable("the stream ended without saying why", reason="")

    def _record_in(self, frame: Frame) -> Record | None:
        if isinstance(frame, task_service_pb2.GetCancelledResponse):
            if frame.HasField("task"):
                return records.CancelledTask(frame.task, frame.cursor)
        elif frame.HasField("result"):
            return records.Result(frame.result)
        elif frame.HasField("progress"):
            return records.progress_of(frame.progress)
        if frame.HasField("gap"):
            return records.Gap(frame.gap, frame.cursor or frame.gap.to_cursor)
        if frame.HasField("end"):
            self._end(frame.end)
        return None

    def _end(self, end: task_service_pb2.End) -> None:
        if end.reason == task_service_pb2.END_REASON_SHUTDOWN and self._outlive_shutdown:
            raise errors.Closing(end.message or "the server is shutting down")
        if end.reason == task_service_pb2.END_REASON_SLOW_READER:
            raise errors.SlowReader(end.message or "the reader did not keep up")
        self.done = True

    def _at_gap(self, gap: records.Gap) -> records.Gap | None:
        if self._on_gap == "yield":
            return gap
        if self._on_gap == "raise":
            missed = errors.ResultsMissed(gap_sentence(gap), reason="")
            missed.gap = gap.message
            raise missed
        self._on_gap(gap)
        return None


def gap_sentence(gap: records.Gap) -> str:
    what = "an unknown number of results" if gap.missed is None else f"{gap.missed} results"
    why = "the log was replaced" if gap.log_replaced else "they were trimmed from the log"
    return f"{what} cannot be given any more: {why}"
