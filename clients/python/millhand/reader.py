"""Iterating over the log: the protocol's reading of it, as a blocking iterator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, cast

from millhand.blocking import Blocking, blocking
from millhand.protocol.reading import LogReading
from millhand.protocol.resume import Record
from millhand.protocol.steps import Terms

_P = ParamSpec("_P")
_Item = TypeVar("_Item", bound=Record)
_Reader = TypeVar("_Reader", bound="LogReader[Any]")


class LogReader(Blocking[LogReading], Generic[_Item]):
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

    def __iter__(self) -> Iterator[_Item]:
        return self

    def __next__(self) -> _Item:
        record = self._run(self._core.next_record())
        if record is None:
            raise StopIteration
        return cast(_Item, record)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def begun(
    reader: type[_Reader], read: Callable[Concatenate[Terms, _P], LogReading]
) -> Callable[Concatenate[Blocking[Terms], _P], _Reader]:
    """The method that reads the log in a certain way, and returns when the reading has begun."""

    @wraps(read)
    def method(self: Blocking[Terms], /, *args: _P.args, **kwargs: _P.kwargs) -> _Reader:
        opened = reader(read(self._core, *args, **kwargs), self._perform)
        opened.begin()
        return opened

    return cast("Callable[Concatenate[Blocking[Terms], _P], _Reader]", method)
