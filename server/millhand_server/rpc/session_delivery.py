"""Delivers results on a Session: one subscription, from its first frame to the reason why it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, islice
from typing import Any

import msgspec

from millhand.v1 import task_service_pb2 as pb
from millhand_server.core.cursor import Cursor
from millhand_server.core.errors import TaskNotFound
from millhand_server.core.query import Seen, TaskFilter, matches
from millhand_server.engine.answers import (
    EndFrame,
    EndReason,
    GapFrame,
    KeepAliveFrame,
    ProgressFrame,
    ResultFrame,
    StreamFrame,
)
from millhand_server.engine.manager import TaskManager
from millhand_server.engine.reading import PAGE_RESULTS, ReadRequest, ResultReader
from millhand_server.rpc import convert
from millhand_server.rpc.aside import aside
from millhand_server.rpc.context import CallContext
from millhand_server.rpc.convert_task import TaskWriter
from millhand_server.rpc.frame_size import in_frames, size_of

#: A frame of results ends here, so that a slow line is not blocked for long by one frame.
_FRAME_BYTES = 1024 * 1024

#: A result's filter never depends on the time: a final status is shown as it is stored.
_ANY_TIME = Seen(0)


@dataclass(slots=True)
class Credit:
    """How many more results the client takes. It is the session's, whatever it subscribes to."""

    open: int = 1_000


@dataclass(frozen=True, slots=True)
class Parts:
    """What a session shares with its deliveries. Who holds `turn` may write to `context`."""

    manager: TaskManager
    writer: TaskWriter
    context: CallContext
    turn: asyncio.Lock
    credit: Credit
    #: Tasks that were first registered elsewhere, and whose results this stream is to have all the same.
    adopted: set[str]


class Delivery:
    """Reads results and writes them, while `run` runs; everything else may be called meanwhile."""

    def __init__(self, parts: Parts, request: ReadRequest, reader: ResultReader, *, full: bool) -> None:
        """Takes a reader of `request`, which is closed with this."""
        self._parts = parts
        self._request = request
        self._reader = reader
        self._full = full
        self._is_first = True
        #: The read that `wake` is to end, while there is one.
        self._reading: asyncio.Timeout | None = None
        self._half_closed = False
        self._finish: EndReason | None = None
        self._taken_over: list[str] = []
        self._late: list[ResultFrame] = []
        #: Everything up to here was written.
        self.cursor = reader.cursor

    @property
    def is_own(self) -> bool:
        return bool(self._request.wanted.session_id)

    @property
    def whole_session(self) -> TaskFilter:
        """The tasks that this delivery is about, whatever their status."""
        return msgspec.structs.replace(
            self._request.wanted, statuses=frozenset(), adopted=frozenset(self._parts.adopted)
        )

    async def run(self) -> EndReason:
        """Delivers until there is a reason to end the session."""
        while True:
            if self._half_closed and not self._parts.credit.open:
                return await self._spent()
            if self._taken_over or (self._finish and self._request.follow):
                await self._read_anew()
            frames = self._take_late() or await self._read()
            async with self._parts.turn:
                await self._write(frames)
            if frames and isinstance(frames[-1], EndFrame) and (end := await self._reason(frames[-1])):
                return end

    def close(self) -> None:
        """Lets go of the log. `run` is over, or has been cancelled."""
        self._reader.close()

    def wake(self) -> None:
        """Lets `run` look at what has changed; credit, for one."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.reschedule(0)

    def take_over(self, ids: Iterable[str]) -> None:
        """Delivers the results of these adopted tasks too, also where the reader is past them."""
        self._taken_over.extend(ids)
        self.wake()

    def half_close(self) -> None:
        """No more credit will come."""
        self._half_closed = True
        self.wake()

    def finish(self, reason: EndReason) -> None:
        """Delivers what is in the log now, and then ends for this reason."""
        self._finish = reason
        self.wake()

    async def _read(self) -> Sequence[StreamFrame]:
        """Returns the next frames; none when woken first. A read that is cancelled has taken nothing."""
        limit = min(self._parts.credit.open, PAGE_RESULTS)
        # A timeout that only `wake` sets off costs a fraction of a task of its own for each read.
        reading = self._reading = asyncio.timeout(None)
        try:
            async with reading:
                return await self._reader.read(limit)
        except TimeoutError:
            if not reading.expired():
                raise
            return ()
        finally:
            self._reading = None

    def _take_late(self) -> Sequence[StreamFrame]:
        count = min(self._parts.credit.open, PAGE_RESULTS)
        taken, self._late = self._late[:count], self._late[count:]
        return taken

    async def _read_anew(self) -> None:
        """Goes on with another reader, because the tasks that are meant or the end have changed."""
        taken_over, self._taken_over = self._taken_over, []
        wanted = self._request.wanted
        if self.is_own:
            wanted = msgspec.structs.replace(wanted, adopted=frozenset(self._parts.adopted))
        request = replace(self._request, wanted=wanted, after=str(self.cursor), follow=self._finish is None)
        reader = await self._parts.manager.open_reader(request)
        self._reader.close()
        self._request, self._reader, self._is_first = request, reader, True
        for task_id in taken_over:
            await self._look_back(task_id)

    async def _look_back(self, task_id: str) -> None:
        """Keeps the result of an adopted task if the reader is past it already."""
        try:
            task = await self._parts.manager.get_task(task_id)
        except TaskNotFound:
            return
        is_past = 0 < task.position <= self.cursor.position
        if is_past and matches(self._request.wanted, task, _ANY_TIME):
            self._late.append(ResultFrame(task, Cursor(self.cursor.epoch, task.position)))

    async def _write(self, frames: Sequence[StreamFrame]) -> None:
        for kind, group in groupby(frames, type):
            if kind is ResultFrame:
                await self._write_results(list(group))
            else:
                for frame in group:
                    await self._write_other(frame)

    async def _write_results(self, frames: Sequence[Any]) -> None:
        size = size_of((frame.task for frame in frames), full=self._full)
        write = partial(_responses, frames, self._parts.writer, full=self._full, size=size)
        rest = iter(frames)
        for response in await aside(size, write):
            written = list(islice(rest, len(response.results.results)))
            cursor = max(self.cursor, written[-1].cursor)
            response.results.cursor = str(cursor)
            await self._parts.context.write(response)
            self._parts.credit.open -= len(written)
            if self._parts.adopted:
                self._parts.adopted.difference_update(frame.task.id for frame in written)
            self.cursor = cursor

    async def _write_other(self, frame: StreamFrame) -> None:
        is_first, self._is_first = self._is_first, False
        match frame:
            case ProgressFrame():
                response = pb.SessionResponse(progress=convert.progress_update(frame))
            case GapFrame():
                self.cursor = frame.cursor
                response = pb.SessionResponse(gap=convert.gap(frame))
            case KeepAliveFrame() if not is_first:
                self.cursor = frame.cursor
                response = pb.SessionResponse(results=pb.SessionResults(cursor=str(frame.cursor)))
            case _:
                # The first one says where the reader starts, which the client knows; the end is `goodbye`.
                return
        await self._parts.context.write(response)

    async def _reason(self, end: EndFrame) -> EndReason | None:
        """Returns why the session ends; None if the reader stopped short of something."""
        if end.reason is not EndReason.CAUGHT_UP:
            return end.reason
        if self._late or (self.is_own and await self._has_more()):
            await self._read_anew()
            return None
        return self._finish

    async def _spent(self) -> EndReason:
        """Returns why a session ends that has no credit: only if something remains, for that."""
        manager = self._parts.manager
        done = not self.is_own or (await manager.wait(self.whole_session, timeout_us=0)).done
        if self._late or not done or await self._has_more():
            return EndReason.CREDIT_SPENT
        return EndReason.COMPLETED if self.is_own else EndReason.CAUGHT_UP

    async def _has_more(self) -> bool:
        wanted = self._request.wanted
        page = await self._parts.manager.get_results(wanted, after=str(self.cursor), limit=1, max_bytes=1)
        return bool(page.results)


def _responses(
    frames: Sequence[ResultFrame], writer: TaskWriter, *, full: bool, size: int
) -> list[pb.SessionResponse]:
    """Returns the results, of about `size` bytes, in as few messages as may carry them."""
    limit = min(_FRAME_BYTES, writer.max_bytes)
    if size <= limit:
        response = pb.SessionResponse()
        results = response.results.results
        for frame in frames:
            writer.write_result(results.add(), frame.task, frame.cursor, full=full)
        if response.ByteSize() <= limit:
            return [response]
    # What was not as small as it seemed is written again, one by one.
    messages = (writer.result(frame.task, frame.cursor, full=full) for frame in frames)
    groups = in_frames(messages, _FRAME_BYTES)
    return [pb.SessionResponse(results=pb.SessionResults(results=group)) for group in groups]
