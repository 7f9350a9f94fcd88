"""A session over one bidirectional stream: the asyncio task around `protocol.live_session`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

from millhand.aio.awaiting import Awaiting, awaited
from millhand.protocol import requests, times
from millhand.protocol.live_session import LiveSession
from millhand.protocol.records import Registered
from millhand.protocol.resume import SessionRecord
from millhand.protocol.session import Answer
from millhand.protocol.steps import Operation, Step, Tell, Until
from millhand.v1 import task_pb2

_T = TypeVar("_T")


class AsyncSession(Awaiting[LiveSession]):
    """What `Session` is, for the tasks of one event loop. Close it, or use `async with`."""

    def __init__(self, core: LiveSession, perform: Callable[[Step], Awaitable[Any]]) -> None:
        super().__init__(core, self._perform_here)
        self._perform_elsewhere = perform
        self._changed = asyncio.Event()
        self._life = asyncio.get_running_loop().create_task(self._run(core.live()), name="millhand-session")

    @property
    def id(self) -> str:
        """What the server labels this session's tasks with."""
        return self._core.id

    @property
    def cursor(self) -> str:
        """Everything up to here has been read, frame by frame; empty before the server has named a place."""
        return self._core.cursor

    register = awaited(LiveSession.register)
    register_many = awaited(LiveSession.register_many)
    cancel = awaited(LiveSession.cancel)
    subscribe = awaited(LiveSession.subscribe)
    unsubscribe = awaited(LiveSession.unsubscribe)

    async def register_soon(
        self, specs: Iterable[task_pb2.TaskSpec], mode: requests.Mode = "atomic"
    ) -> asyncio.Future[list[Registered]]:
        """Sends tasks without waiting for the answer, which the future gets.

        It waits only while MAX_PENDING requests have no answer.
        """
        future: asyncio.Future[list[Registered]] = asyncio.get_running_loop().create_future()
        await self._run(self._core.register_soon(specs, mode, lambda answer: _settle(future, answer)))
        return future

    async def results(self) -> AsyncIterator[SessionRecord]:
        """The subscription's records as they come, each once; `Gap` and `Progress` are among them.

        Ends when the session has: after `finish`, once the server has delivered everything.

        Raises:
            MillhandError: If the session broke for good, after what had been received before.
        """
        while (record := await self._run(self._core.next_record())) is not None:
            yield record

    def finish(self) -> None:
        """Says that nothing more will be sent; `results` then ends once this session's tasks are done."""
        self._core.finish()
        self._notify()

    async def close(self, *, drain: bool = True, timeout: times.Seconds | None = None) -> None:
        """Ends the session. See `Session.close`; cancelled while it drains, it hangs up at once."""
        try:
            await self._run(self._core.close(drain=drain, timeout=timeout))
        finally:
            self._core.cancel_stream()
            self._life.cancel()
            await asyncio.wait([self._life])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close(drain=error is None)

    async def _run(self, operation: Operation[_T]) -> _T:
        try:
            return await super()._run(operation)
        finally:
            self._notify()

    async def _perform_here(self, step: Step) -> Any:
        if isinstance(step, Until):
            return await self._until(step)
        self._notify()
        if isinstance(step, Tell):
            return step.function(step.value)
        return await self._perform_elsewhere(step)

    async def _until(self, step: Until) -> bool:
        try:
            async with asyncio.timeout(step.timeout_s):
                while not step.predicate():
                    await self._changed.wait()
        except TimeoutError:
            return step.predicate()
        return True

    def _notify(self) -> None:
        """Wakes everybody that waits; each looks for itself whether it was meant."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _settle(future: asyncio.Future[Any], answer: Answer) -> None:
    if future.done():
        return
    if answer.error is not None:
        future.set_exception(answer.error)
    else:
        future.set_result(answer.value)
