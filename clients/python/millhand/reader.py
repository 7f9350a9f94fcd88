"""Iterating over the log: the protocol's reading of it, as a blocking iterator."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

from millhand.blocking import Blocking, blocking
from millhand.protocol.reading import LogReading
from millhand.protocol.resume import Record

_Item_co = TypeVar("_Item_co", bound=Record, covariant=True)


class LogReader(Blocking[LogReading], Generic[_Item_co]):
    """An iterator over records that reconnects and goes on from its cursor: each record once, gaps announced.

    It has begun: the server has named its place in the log, and no later record is missed. For one thread at
    a time; `close` may be called from any. After ResultsMissed and SlowReader it can be iterated further and
    goes on behind what was raised.
    """

    begin = blocking(LogReading.begin)

    @property
    def cursor(self) -> str:
        """Everything up to here was given; keep it to go on from here in another process, as `after`."""
        return self._core.cursor

    def close(self) -> None:
        """Ends the iteration and the stream below it."""
        self._core.close()

    def __iter__(self) -> Iterator[_Item_co]:
        return self

    def __next__(self) -> _Item_co:
        record = self._run(self._core.next_record())
        if record is None:
            raise StopIteration
        return cast(_Item_co, record)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def begun(reader: LogReader[_Item_co]) -> LogReader[_Item_co]:
    """The reader, once the server has named its place in the log."""
    reader.begin()
    return reader
