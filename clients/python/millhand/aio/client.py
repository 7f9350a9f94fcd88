"""The asyncio client: the protocol's operations, each as a method to await."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

import grpc

from millhand.aio.awaiting import Awaiting, awaited, iterating
from millhand.aio.channel import AsyncClock, Wire, channel_opener
from millhand.aio.reader import AsyncLogReader
from millhand.aio.session import AsyncSession
from millhand.connection import ClientOptions, Connection
from millhand.protocol import executing, operations, reading, records
from millhand.protocol.ids import new_id
from millhand.protocol.live_session import LiveSession
from millhand.protocol.resume import OnGap
from millhand.protocol.steps import Terms

_T = TypeVar("_T")
#: What to do about gaps that leaves none among the records.
_NoGaps = Literal["raise"] | Callable[[records.Gap], None]


class AsyncClient(Awaiting[Terms]):
    """What `Client` is, for the tasks of one event loop: make one, share it, close it.

    It may be made before the loop runs; the channel is opened in the loop that first uses it, and the client
    belongs to that loop from then on. Cancelling what waits here ends the wait and nothing else: the task of
    an `execute` goes on, unless `cancel_on_interrupt` says otherwise.

    Args:
        address: `host:port`.
        channel: A channel to use instead of opening one, made in the same loop; the client closes it. That it
            is safe for a token is the caller's to know.
        clock: The time that reconnecting goes by; tests give a fake one.
        options: See `ClientOptions`.

    Raises:
        OSError: If a file for TLS cannot be read.
        ValueError: If options contradict each other, or a token would travel in the clear.
    """

    def __init__(
        self,
        address: str = "127.0.0.1:50051",
        *,
        channel: grpc.aio.Channel | None = None,
        clock: AsyncClock | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        connection = Connection.of(address, options)
        opener = channel_opener(connection) if channel is None else lambda: channel
        self._wire = Wire(opener, connection.token, clock)
        super().__init__(connection.terms(self._wire.clock.time, self._wire.open), self._wire.perform)

    @overload
    async def execute(
        self,
        handler: str,
        payload: object = None,
        *,
        result_type: type[_T],
        **options: Unpack[executing.ExecuteOptions],
    ) -> _T: ...

    @overload
    async def execute(
        self,
        handler: str,
        payload: object = None,
        *,
        result_type: None = None,
        **options: Unpack[executing.ExecuteOptions],
    ) -> Any: ...

    async def execute(
        self,
        handler: str,
        payload: object = None,
        *,
        result_type: Any = None,
        **options: Unpack[executing.ExecuteOptions],
    ) -> Any:
        """Runs a task and returns its output: `Client.execute`, awaited.

        Cancelled while it waits, it leaves the task running. With `cancel_on_interrupt` it first cancels the
        task, which may hold the cancellation up for INTERRUPTED_DEADLINE_S.
        """
        return await self._run(executing.execute(self._core, handler, payload, result_type, **options))

    @overload
    async def execute_registered(
        self, task_id: str, *, result_type: type[_T], **options: Unpack[executing.WaitOptions]
    ) -> _T: ...

    @overload
    async def execute_registered(
        self, task_id: str, *, result_type: None = None, **options: Unpack[executing.WaitOptions]
    ) -> Any: ...

    async def execute_registered(
        self, task_id: str, *, result_type: Any = None, **options: Unpack[executing.WaitOptions]
    ) -> Any:
        """Runs a registered task now: `Client.execute_registered`, awaited."""
        return await self._run(executing.execute_registered(self._core, task_id, result_type, **options))

    register = awaited(operations.register)
    register_many = awaited(operations.register_many)
    execute_task = awaited(executing.execute_task)
    get = awaited(operations.get)
    list = iterating(operations.list_tasks)
    active = iterating(operations.active)
    explain = awaited(operations.explain)
    wait = awaited(operations.wait)
    cancel = awaited(operations.cancel)
    cancel_all = awaited(operations.cancel_all)
    cancel_all_and_wait = awaited(operations.cancel_all_and_wait)
    results_page = awaited(operations.results_page)
    handlers = awaited(operations.handlers)
    info = awaited(operations.info)
    start_workers = awaited(operations.start_workers)
    shutdown = awaited(operations.shutdown)

    @overload
    def results(
        self,
        *,
        on_gap: _NoGaps,
        include_progress: Literal[False] = False,
        **options: Unpack[reading.ReadOptions],
    ) -> AsyncLogReader[records.Result]: ...

    @overload
    def results(
        self, *, on_gap: _NoGaps, include_progress: Literal[True], **options: Unpack[reading.ReadOptions]
    ) -> AsyncLogReader[records.Result | records.Progress]: ...

    @overload
    def results(
        self,
        *,
        on_gap: OnGap = "yield",
        include_progress: Literal[False] = False,
        **options: Unpack[reading.ReadOptions],
    ) -> AsyncLogReader[records.Result | records.Gap]: ...

    @overload
    def results(
        self, *, on_gap: OnGap = "yield", include_progress: bool, **options: Unpack[reading.ReadOptions]
    ) -> AsyncLogReader[records.Result | records.Gap | records.Progress]: ...

    def results(
        self,
        *,
        on_gap: OnGap = "yield",
        include_progress: bool = False,
        **options: Unpack[reading.ReadOptions],
    ) -> AsyncLogReader[Any]:
        """`Client.results`. It begins when it is entered, or when it is first iterated."""
        read = reading.results(self._core, on_gap=on_gap, include_progress=include_progress, **options)
        return AsyncLogReader(read, self._perform)

    @overload
    def cancelled(
        self, *, on_gap: _NoGaps, after: str = "", follow: bool = True, outlive_shutdown: bool = True
    ) -> AsyncLogReader[records.CancelledTask]: ...

    @overload
    def cancelled(
        self, *, on_gap: OnGap = "yield", after: str = "", follow: bool = True, outlive_shutdown: bool = True
    ) -> AsyncLogReader[records.CancelledTask | records.Gap]: ...

    def cancelled(
        self, *, on_gap: OnGap = "yield", after: str = "", follow: bool = True, outlive_shutdown: bool = True
    ) -> AsyncLogReader[Any]:
        """Tasks as they become CANCELLED; everything else as in `Client.results`."""
        read = reading.cancelled(
            self._core, on_gap=on_gap, after=after, follow=follow, outlive_shutdown=outlive_shutdown
        )
        return AsyncLogReader(read, self._perform)

    def session(self, session_id: str = "") -> AsyncSession:
        """Opens a session in the running loop; give the id of an earlier one to go on with its tasks."""
        return AsyncSession(LiveSession(self._core, session_id or new_id()), self._perform)

    async def close(self) -> None:
        """Cancels what is under way and closes the connection. The server's tasks are not touched."""
        await self._wire.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
