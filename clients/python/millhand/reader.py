"""Reading the log over as many streams as it takes: the I/O around `protocol.resume`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

from millhand import errors
from millhand.channel import Stream
from millhand.protocol.reconnect import Clock, Reconnect
from millhand.protocol.resume import Record, Resume

_Item = TypeVar("_Item", bound=Record)


class LogReader(Generic[_Item]):
    """An iterator over records that reconnects and goes on from its cursor: each record once, gaps announced.

    For one thread at a time; `close` may be called from any. After ResultsMissed and SlowReader it can be
    iterated further and goes on behind what was raised.
    """

    def __init__(
        self, open_stream: Callable[[str], Stream[Any]], resume: Resume, reconnect: Reconnect, clock: Clock
    ) -> None:
        self._open_stream = open_stream
        self._resume = resume
        self._reconnect = reconnect
        self._clock = clock
        self._stream: Stream[Any] | None = None
        self._ahead: Record | None = None
        self._closed = False

    def begin(self) -> Self:
        """Waits for the first frame, which names the place in the log: nothing after it is missed.

        Raises:
            MillhandError: If the stream cannot be opened; only one that began is opened again.
        """
        self._ahead = self._step()
        return self

    @property
    def cursor(self) -> str:
        """Everything up to here was given; keep it to go on from here in another process, as `after`."""
        return self._resume.cursor

    def close(self) -> None:
        """Ends the iteration and the stream below it."""
        self._closed = True
        self._hang_up()

    def __iter__(self) -> Iterator[_Item]:
        return self

    def __next__(self) -> _Item:
        record, self._ahead = self._ahead, None
        while record is None:
            if self._closed or self._resume.done:
                self._hang_up()
                raise StopIteration
            record = self._step()
        return cast(_Item, record)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _step(self) -> Record | None:
        try:
            return self._read()
        except errors.MillhandError as error:
            self._hang_up()
            if not self._closed:
                self._clock.sleep_for(self._reconnect.delay_after(error, self._clock.time()))
            return None

    def _read(self) -> Record | None:
        stream = self._stream
        if stream is None:
            stream = self._stream = self._open_stream(self._resume.cursor)
        frame = next(stream, None)
        if frame is None:
            raise self._resume.broken()
        self._reconnect.progressed()
        return self._resume.receive(frame)

    def _hang_up(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()
