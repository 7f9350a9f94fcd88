"""A whole server for tests of the edge: real manager, memory store, real sockets."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio

from millhand.kit import Handlers, TaskContext
from millhand.v1 import task_pb2, task_service_pb2, task_service_pb2_grpc
from millhand_server.core.ports import Clock, Retention
from millhand_server.engine.answers import CloseMode, Drained
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.clock import SystemClock
from millhand_server.engine.executors.aio import AsyncExecutor
from millhand_server.engine.executors.thread import ThreadExecutor
from millhand_server.engine.manager import TaskManager
from millhand_server.engine.options import ManagerOptions
from millhand_server.rpc.codec import ProtoCodec
from millhand_server.rpc.server import RpcServer
from millhand_server.store.memory import MemoryStore

_LONG_S = 30


class Running:
    """A server, a caller, and a gate that `gated` tasks wait at."""

    def __init__(self, manager: TaskManager, rpc: RpcServer, address: str, gate: threading.Event) -> None:
        self.manager = manager
        self.rpc = rpc
        self.address = address
        self.gate = gate
        # As large as clients are told to set it, in `Limits.max_message_bytes`.
        limit = manager.limits.max_message_bytes
        self.channel = grpc.aio.insecure_channel(
            address, options=[("grpc.max_receive_message_length", limit)]
        )
        self.stub: Any = task_service_pb2_grpc.TaskServiceStub(self.channel)

    def another(self) -> RpcServer:
        """Returns a second server of the same manager, which the test starts."""
        return RpcServer(self.manager, on_shutdown=_closing(self.manager))

    def execute(self, request: task_service_pb2.ExecuteTaskRequest) -> Any:
        """Calls ExecuteTask as if it were a stream.

        The bytes are the same, and only so does this library tell initial metadata before the end.
        """
        call: Any = self.channel.unary_stream(
            "/millhand.v1.TaskService/ExecuteTask",
            request_serializer=task_service_pb2.ExecuteTaskRequest.SerializeToString,
            response_deserializer=task_service_pb2.ExecuteTaskResponse.FromString,
        )
        return call(request)


@asynccontextmanager
async def serving(
    *, clock: Clock | None = None, retention: Retention | None = None, **options: Any
) -> AsyncIterator[Running]:
    clock = clock or SystemClock()
    gate = threading.Event()
    settings = ManagerOptions(max_workers=4, grace_us=5_000_000, max_retries=0, **options)
    codec = ProtoCodec()
    catalogue = Catalogue(_handlers(gate), settings, codec)
    manager = TaskManager(
        store=MemoryStore(clock, retention or Retention()),
        executors=[ThreadExecutor(catalogue, codec, clock), AsyncExecutor(catalogue, codec, clock)],
        catalogue=catalogue,
        clock=clock,
        options=settings,
        node="node-1",
    )
    await manager.start()
    rpc = RpcServer(manager, on_shutdown=_closing(manager))
    running = Running(manager, rpc, await rpc.start("127.0.0.1", 0), gate)
    try:
        yield running
    finally:
        gate.set()
        await running.channel.close()
        await manager.close(CloseMode.NOW)
        await rpc.stop(1)


def _closing(manager: TaskManager) -> Callable[[CloseMode, int | None], Awaitable[Drained]]:
    async def close(mode: CloseMode, timeout_us: int | None) -> Drained:
        return await manager.close(mode, timeout_us=timeout_us)

    return close


def spec(handler: str = "echo", **fields: Any) -> task_pb2.TaskSpec:
    return task_pb2.TaskSpec(handler=handler, **fields)


def _handlers(gate: threading.Event) -> Handlers:
    handlers = Handlers()

    @handlers.handler("echo", example={"hello": "world"})
    def echo(request: Any) -> Any:
        return request

    @handlers.handler("hold")
    def hold(request: Any, task: TaskContext) -> None:
        task.wait_cancelled(_LONG_S)
        task.raise_if_cancelled()

    @handlers.handler("gated")
    def gated(request: Any) -> Any:
        gate.wait(_LONG_S)
        return request

    @handlers.handler("trace")
    def trace(request: Any, task: TaskContext) -> str:
        return task.traceparent

    @handlers.handler("report")
    def report(request: Any, task: TaskContext) -> None:
        gate.wait(_LONG_S)
        task.progress(0.5, "half way")
        task.wait_cancelled(_LONG_S)

    @handlers.handler("bulky")
    def bulky(request: Any, task: TaskContext) -> Any:
        """Has a heartbeat and an output as large as its payload."""
        task.heartbeat(request)
        return request

    @handlers.handler("nap", retries=2, timeout=3, queue="naps")
    async def nap(request: Any) -> None:
        """Does nothing."""

    return handlers
