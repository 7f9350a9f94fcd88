"""One way to drive both clients, so that one table of behaviour is run on each."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

from millhand import AsyncClient, Client

_END = object()


class Threaded:
    """A blocking object as an asynchronous one: each call of it runs in a thread."""

    def __init__(self, wrapped: Any, threads: ThreadPoolExecutor) -> None:
        self._wrapped = wrapped
        self._threads = threads

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._wrapped, name)
        if not callable(found):
            return found
        return lambda *args, **kwargs: Deferred(lambda: found(*args, **kwargs), self._threads)

    async def __aenter__(self) -> Self:
        await Deferred(self._wrapped.__enter__, self._threads)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await Deferred(lambda: self._wrapped.__exit__(kind, error, trace), self._threads)

    def __aiter__(self) -> AsyncIterator[Any]:
        return Deferred(lambda: self._wrapped, self._threads).__aiter__()


class Deferred:
    """What a blocking call gives, to be awaited, iterated or entered."""

    def __init__(self, call: Callable[[], Any], threads: ThreadPoolExecutor) -> None:
        self._call = call
        self._threads = threads
        self._entered: Threaded | None = None

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.get_running_loop().run_in_executor(self._threads, self._call).__await__()

    async def __aiter__(self) -> AsyncIterator[Any]:
        iterator = iter(await self)
        while (item := await Deferred(lambda: next(iterator, _END), self._threads)) is not _END:
            yield item

    async def __aenter__(self) -> Threaded:
        opened: AbstractContextManager[Any] = await self
        self._entered = await Threaded(opened, self._threads).__aenter__()
        return self._entered

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._entered is not None
        await self._entered.__aexit__(kind, error, trace)


def driven(which: str, threads: ThreadPoolExecutor, address: str, **options: Any) -> Any:
    """The client of one kind, with the methods of AsyncClient."""
    if which == "sync":
        return Threaded(Client(address, **options), threads)
    return AsyncClient(address, **options)


async def settled(value: Any) -> Any:
    """What has one name in both clients, and needs to be awaited in one of them only."""
    return await value if inspect.isawaitable(value) else value


async def collect(records: Any) -> list[Any]:
    return [record async for record in records]
