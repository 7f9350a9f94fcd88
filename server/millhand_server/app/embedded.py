"""A task manager for use inside a program: no server, no port, tasks in memory."""

from __future__ import annotations

from millhand.kit import Handlers
from millhand_server.core.ports import Retention
from millhand_server.engine.blocking import BlockingTaskManager
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.clock import SystemClock
from millhand_server.engine.executors.aio import AsyncExecutor
from millhand_server.engine.executors.thread import ThreadExecutor
from millhand_server.engine.manager import TaskManager
from millhand_server.engine.options import ManagerOptions
from millhand_server.rpc.codec import ProtoCodec
from millhand_server.store.memory import MemoryStore

_CODEC = ProtoCodec()


def task_manager(
    handlers: Handlers, *, options: ManagerOptions | None = None, retention: Retention | None = None
) -> TaskManager:
    """Returns a manager that is not started yet; `start` it on the loop that is to own it.

    Args:
        handlers: what it can run.
        options: `ManagerOptions.with_defaults()` has the Go library's numbers; None has a server's.
        retention: how long results are kept; None is a day.

    Raises:
        UnsupportedHandler: a handler asks for what cannot be honoured.
    """
    clock, options = SystemClock(), options or ManagerOptions()
    catalogue = Catalogue(handlers, options, _CODEC)
    return TaskManager(
        store=MemoryStore(clock, retention),
        executors=(
            ThreadExecutor(catalogue, _CODEC, clock),
            AsyncExecutor(catalogue, _CODEC, clock),
        ),
        catalogue=catalogue,
        clock=clock,
        options=options,
        retention=retention,
    )


def blocking_task_manager(
    handlers: Handlers, *, options: ManagerOptions | None = None
) -> BlockingTaskManager:
    """Returns a started manager for code without an event loop; a context manager that closes it."""
    return BlockingTaskManager(lambda: task_manager(handlers, options=options))


def payload(value: object) -> bytes:
    """Returns the payload of a specification for a value: JSON, bytes, a Blob or a protobuf message.

    Raises:
        InvalidPayload: nothing can hold it.
        PayloadTooLarge: it is over 3 MiB.
    """
    return _CODEC.encode(value)


def output(encoded: bytes) -> object:
    """Returns the value of a task's output; None when there is none."""
    return _CODEC.decode(encoded)
