"""Iterating over the log: the protocol's reading of it, as an asynchronous iterator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

from millhand.aio.awaiting import Awaiting, awaited
from millhand.protocol.reading import LogReading
from millhand.protocol.resume import Record

_Item_co = TypeVar("_Item_co", bound=Record, covariant=True)


class AsyncLogReader(Awaiting[LogReading], Generic[_Item_co]):
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

    def __aiter__(self) -> AsyncIterator[_Item_co]:
        return self

    async def __anext__(self) -> _Item_co:
        record = await self._run(self._core.next_record())
        if record is None:
            raise StopAsyncIteration
        return cast(_Item_co, record)

    async def __aenter__(self) -> Self:
        await self.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
