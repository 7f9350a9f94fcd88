"""The sync client: the protocol's operations, each as a method that blocks."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

import grpc

from millhand.blocking import Blocking, blocking, iterating
from millhand.channel import Wire, open_channel
from millhand.connection import ClientOptions, Connection
from millhand.protocol import executing, operations, reading, records
from millhand.protocol.ids import new_id
from millhand.protocol.live_session import LiveSession
from millhand.protocol.reconnect import Clock
from millhand.protocol.steps import Terms
from millhand.reader import LogReader, begun
from millhand.session import Session

_T = TypeVar("_T")
_Read = records.Result | records.Gap | records.Progress
_Cancelled = records.CancelledTask | records.Gap


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
    results = begun(LogReader[_Read], reading.results)
    cancelled = begun(LogReader[_Cancelled], reading.cancelled)
    results_page = blocking(operations.results_page)
    handlers = blocking(operations.handlers)
    info = blocking(operations.info)
    start_workers = blocking(operations.start_workers)
    shutdown = blocking(operations.shutdown)

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
