"""Iterating over the log: the protocol's reading of it, as an asynchronous iterator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, cast

from millhand.aio.awaiting import Awaiting, awaited
from millhand.protocol.reading import LogReading
from millhand.protocol.resume import Record
from millhand.protocol.steps import Terms

_P = ParamSpec("_P")
_Item = TypeVar("_Item", bound=Record)
_Reader = TypeVar("_Reader", bound="AsyncLogReader[Any]")


class AsyncLogReader(Awaiting[LogReading], Generic[_Item]):
    """What `LogReader` is, with `async for`. For one task at a time.

    It begins with `begin`, with `async with`, or else when it is first iterated: only from then on is nothing
    missed. A wait for the next record may be cancelled, by a timeout for instance: nothing is lost, and
    iterating goes on.
    """

    begin = awaited(LogReading.begin)

    @property
    def cursor(self) -> str:
        """Everything up to here was given; keep it to go on from here in another process, as `after`."""
        return self._core.cursor

    async def aclose(self) -> None:
        """Ends the iteration and the stream below it."""
        self._core.close()

    def __aiter__(self) -> AsyncIterator[_Item]:
        return self

    async def __anext__(self) -> _Item:
        record = await self._run(self._core.next_record())
        if record is None:
            raise StopAsyncIteration
        return cast(_Item, record)

    async def __aenter__(self) -> Self:
        await self.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def reading_with(
    reader: type[_Reader], read: Callable[Concatenate[Terms, _P], LogReading]
) -> Callable[Concatenate[Awaiting[Terms], _P], _Reader]:
    """The method that reads the log in a certain way."""

    @wraps(read)
    def method(self: Awaiting[Terms], /, *args: _P.args, **kwargs: _P.kwargs) -> _Reader:
        return reader(read(self._core, *args, **kwargs), self._perform)

    return cast("Callable[Concatenate[Awaiting[Terms], _P], _Reader]", method)
