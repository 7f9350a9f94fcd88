"""The sync client: the protocol's operations, each as a method that blocks."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

import grpc

from millhand.blocking import Blocking, blocking, iterating
from millhand.channel import Wire, open_channel
from millhand.connection import ClientOptions, Connection
from millhand.protocol import executing, operations, reading, records
from millhand.protocol.ids import new_id
from millhand.protocol.live_session import LiveSession
from millhand.protocol.reconnect import Clock
from millhand.protocol.resume import OnGap
from millhand.protocol.steps import Terms
from millhand.reader import LogReader, begun
from millhand.session import Session

_T = TypeVar("_T")
#: What to do about gaps that leaves none among the records.
_NoGaps = Literal["raise"] | Callable[[records.Gap], None]


class Client(Blocking[Terms]):
    """A connection to a Millhand server. Thread-safe: make one and share it.

    It connects when it is first used and again whenever the connection breaks, and is closed by `close` or by
    leaving its `with` block. Every method raises a MillhandError for what the server refuses. A client does
    not survive `os.fork()`: used in the child it raises ClientForked.

    Args:
        address: `host:port`.
        channel: A channel to use instead of opening one; the client closes it. That it is safe for a token is
            the caller's to know.
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
        channel: grpc.Channel | None = None,
        clock: Clock | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        connection = Connection.of(address, options)
        channel = channel if channel is not None else open_channel(connection)
        self._wire = Wire(channel, connection.token, clock)
        super().__init__(connection.terms(self._wire.clock.time, self._wire.open), self._wire.perform)

    @overload
    def execute(
        self,
        handler: str,
        payload: object = None,
        *,
        result_type: type[_T],
        **options: Unpack[executing.ExecuteOptions],
    ) -> _T: ...

    @overload
    def execute(
        self,
        handler: str,
        payload: object = None,
        *,
        result_type: None = None,
        **options: Unpack[executing.ExecuteOptions],
    ) -> Any: ...

    def execute(
        self,
        handler: str,
        payload: object = None,
        *,
        result_type: Any = None,
        **options: Unpack[executing.ExecuteOptions],
    ) -> Any:
        """Runs a task and returns its output, as a `result_type` if one is given.

        Args:
            handler: The handler's name.
            payload: What it gets: JSON-like data, a dataclass, Struct or model, bytes, a `Blob` or a protobuf
                message; None is nothing at all.
            result_type: What the output must be: a dataclass, TypedDict, pydantic model, protobuf message,
                dict, list, bytes, ... A type that cannot be used is a TypeError, or an ImportError that says
                what to install, before anything is sent.
            options: See `ExecuteOptions`, and `TaskOptions` for the task's own.

        Raises:
            TaskFailed, TaskCancelledError, TaskTimedOut: If the task ended without an output.
            UnexpectedOutput: If the output is no `result_type`.
            WaitTimedOut: If the wait is over before the task is; `metadata["task_id"]` names it.
        """
        return self._run(executing.execute(self._core, handler, payload, result_type, **options))

    @overload
    def execute_registered(
        self, task_id: str, *, result_type: type[_T], **options: Unpack[executing.WaitOptions]
    ) -> _T: ...

    @overload
    def execute_registered(
        self, task_id: str, *, result_type: None = None, **options: Unpack[executing.WaitOptions]
    ) -> Any: ...

    def execute_registered(
        self, task_id: str, *, result_type: Any = None, **options: Unpack[executing.WaitOptions]
    ) -> Any:
        """Runs a registered task now, whatever it waits for, and returns its output.

        Args:
            task_id: Which one. What it does was said when it was registered.
            result_type: As in `execute`.
            options: How to wait: see `WaitOptions`.

        Raises:
            TaskAlreadyStarted: If it runs already; `wait(ids=[task_id])` waits for it.
            TaskCompleted, TaskCancelledError: If it had ended before.
            TaskNotFound: If there is no such task.
            TaskFailed, TaskTimedOut, UnexpectedOutput, WaitTimedOut: As `execute`.
        """
        return self._run(executing.execute_registered(self._core, task_id, result_type, **options))

    register = blocking(operations.register)
    register_many = blocking(operations.register_many)
    execute_task = blocking(executing.execute_task)
    get = blocking(operations.get)
    list = iterating(operations.list_tasks)
    active = iterating(operations.active)
    explain = blocking(operations.explain)
    wait = blocking(operations.wait)
    cancel = blocking(operations.cancel)
    cancel_all = blocking(operations.cancel_all)
    cancel_all_and_wait = blocking(operations.cancel_all_and_wait)
    results_page = blocking(operations.results_page)
    handlers = blocking(operations.handlers)
    info = blocking(operations.info)
    start_workers = blocking(operations.start_workers)
    shutdown = blocking(operations.shutdown)

    @overload
    def results(
        self,
        *,
        on_gap: _NoGaps,
        include_progress: Literal[False] = False,
        **options: Unpack[reading.ReadOptions],
    ) -> LogReader[records.Result]: ...

    @overload
    def results(
        self, *, on_gap: _NoGaps, include_progress: Literal[True], **options: Unpack[reading.ReadOptions]
    ) -> LogReader[records.Result | records.Progress]: ...

    @overload
    def results(
        self,
        *,
        on_gap: OnGap = "yield",
        include_progress: Literal[False] = False,
        **options: Unpack[reading.ReadOptions],
    ) -> LogReader[records.Result | records.Gap]: ...

    @overload
    def results(
        self, *, on_gap: OnGap = "yield", include_progress: bool, **options: Unpack[reading.ReadOptions]
    ) -> LogReader[records.Result | records.Gap | records.Progress]: ...

    def results(
        self,
        *,
        on_gap: OnGap = "yield",
        include_progress: bool = False,
        **options: Unpack[reading.ReadOptions],
    ) -> LogReader[Any]:
        """Results as tasks end, each once, across lost connections and restarts.

        A `Gap` among them stands for results that cannot be given any more. Type checkers know that there is
        none with another `on_gap`, and no `Progress` without `include_progress`.

        Args:
            on_gap: "yield" gives a `Gap` in its place, "raise" raises ResultsMissed there, and a function is
                called with it.
            include_progress: Whether to give `Progress` records, too.
            options: Where to begin, where to end and of which tasks: see `ReadOptions`, `FilterOptions`.
        """
        read = reading.results(self._core, on_gap=on_gap, include_progress=include_progress, **options)
        return begun(LogReader(read, self._perform))

    @overload
    def cancelled(
        self, *, on_gap: _NoGaps, after: str = "", follow: bool = True, outlive_shutdown: bool = True
    ) -> LogReader[records.CancelledTask]: ...

    @overload
    def cancelled(
        self, *, on_gap: OnGap = "yield", after: str = "", follow: bool = True, outlive_shutdown: bool = True
    ) -> LogReader[records.CancelledTask | records.Gap]: ...

    def cancelled(
        self, *, on_gap: OnGap = "yield", after: str = "", follow: bool = True, outlive_shutdown: bool = True
    ) -> LogReader[Any]:
        """Tasks as they become CANCELLED; everything else as in `results`."""
        read = reading.cancelled(
            self._core, on_gap=on_gap, after=after, follow=follow, outlive_shutdown=outlive_shutdown
        )
        return begun(LogReader(read, self._perform))

    def session(self, session_id: str = "") -> Session:
        """Opens a session; give the id of an earlier one to go on with its tasks."""
        return Session(LiveSession(self._core, session_id or new_id()), self._perform)

    def close(self) -> None:
        """Cancels what is under way and closes the connection. The server's tasks are not touched."""
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
