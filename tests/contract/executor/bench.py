"""A bench for executors of any kind: one way to write handlers, grant attempts and await frames.

Handlers of the suite are coroutine functions. A thread executor gets them as plain functions that run
without ever suspending; `Gate` and `until_cancelled` block there and await here.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Unpack

from tests.fakes.codec import JsonCodec
from tests.fakes.executor import EncodingExecutor

from millhand.kit import HandlerOptions, Handlers, TaskContext
from millhand_server.core.execution import Finished, Frame, Grant, Isolation, Outcome, Progressed, Started
from millhand_server.core.ports import Executor
from millhand_server.core.task import AttemptKey
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.executors.aio import AsyncExecutor
from millhand_server.engine.executors.thread import ThreadExecutor
from millhand_server.engine.options import ManagerOptions
from millhand_server.testing.clock import FakeClock
from millhand_server.testing.executor import PATIENCE_S

Body = Callable[[Any, TaskContext], Coroutine[Any, Any, object]]


class Gate:
    """Holds handlers back until it is opened, in threads and on loops."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = threading.Event()
        self._waiters: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def open(self) -> None:
        with self._lock:
            self._open.set()
            for loop, passed in self._waiters:
                loop.call_soon_threadsafe(passed.set)
            self._waiters.clear()

    async def passed(self) -> None:
        """Waits in the way of the executor that runs the caller."""
        if not _on_loop():
            assert self._open.wait(PATIENCE_S), "nobody opened the gate"
            return
        passed = asyncio.Event()
        waiter = (asyncio.get_running_loop(), passed)
        with self._lock:
            if self._open.is_set():
                return
            self._waiters.add(waiter)
        try:
            await asyncio.wait_for(passed.wait(), PATIENCE_S)
        finally:
            # Who is cancelled here may be the last of its loop, which closes then.
            with self._lock:
                self._waiters.discard(waiter)


async def until_cancelled(task: TaskContext) -> None:
    """Waits for the signal to stop, and ends the attempt as a handler of its kind does."""
    if _on_loop():
        await asyncio.wait_for(asyncio.Event().wait(), PATIENCE_S)
    else:
        task.wait_cancelled(PATIENCE_S)
        task.raise_if_cancelled()


class Bench:
    """An executor with handlers that a test adds before `start`, and every frame it has sent."""

    def __init__(self, kind: str) -> None:
        self.isolation = Isolation.ASYNC if kind.startswith("async") else Isolation.THREAD
        self.clock = FakeClock()
        self.codec = JsonCodec()
        self.handlers = Handlers()
        self.frames: list[Frame] = []
        self.batches = 0
        self._encodes = kind.endswith("behind bytes")
        self._loop_thread = threading.get_ident()
        self._gates: list[Gate] = []
        self._news = asyncio.Event()
        self._granted = 0
        self._released = threading.Event()
        self._add_handlers()

    def handler(self, name: str, **options: Unpack[HandlerOptions]) -> Callable[[Body], Body]:
        """Adds a handler, written as a coroutine function whatever the executor."""

        def register(body: Body) -> Body:
            add = self.handlers.handler(name, **options)
            if self.isolation is Isolation.ASYNC:
                add(_as_coroutine(body))
            else:
                add(_as_function(body))
            return body

        return register

    def gate(self) -> Gate:
        """Returns a gate that is open at the end of the test, however it ends."""
        self._gates.append(Gate())
        return self._gates[-1]

    def start(self, *, workers: int = 1) -> Executor:
        catalogue = Catalogue(self.handlers, ManagerOptions(), self.codec)
        kind = AsyncExecutor if self.isolation is Isolation.ASYNC else ThreadExecutor
        self.executor: Executor = kind(catalogue, self.codec, self.clock)
        if self._encodes:
            self.executor = EncodingExecutor(self.executor)
        self.executor.start(self._take, workers=workers)
        return self.executor

    async def hold(self) -> Grant:
        """Keeps a worker, or the whole loop, from everything else until `release` is called."""
        holder = self.grant("holds")
        self.executor.submit([holder])
        await self.started(holder)
        return holder

    def release(self) -> None:
        self._released.set()

    async def stop(self) -> None:
        self.release()
        for gate in self._gates:
            gate.open()
        if hasattr(self, "executor"):
            await self.executor.stop()

    def grant(self, handler: str, request: object = None, **fields: Any) -> Grant:
        """Returns the first attempt of a new task."""
        self._granted += 1
        key = AttemptKey(f"task-{self._granted}", 1, 1)
        return Grant(**{"key": key, "handler": handler, "payload": self.codec.encode(request), **fields})

    async def run(self, handler: str, request: object = None, **fields: Any) -> Outcome:
        """Runs one attempt to its end."""
        grant = self.grant(handler, request, **fields)
        self.executor.submit([grant])
        return await self.outcome(grant)

    async def outcome(self, grant: Grant) -> Outcome:
        await self.until(lambda: self._finished(grant) is not None)
        finished = self._finished(grant)
        assert finished is not None
        return finished.outcome

    async def started(self, *grants: Grant) -> None:
        await self.until(lambda: {grant.key for grant in grants} <= set(self.keys(Started)))

    async def reported(self, grant: Grant) -> None:
        """Returns when the attempt has told its progress: a sign that its code has come so far."""
        await self.until(lambda: grant.key in self.keys(Progressed))

    async def answered(self) -> None:
        """Returns when a grant that was submitted after all others has run: what was to come has come."""
        await self.run("echo")

    def frames_of(self, grant: Grant) -> list[Frame]:
        return [frame for frame in self.frames if frame.key == grant.key]

    def kinds_of(self, grant: Grant) -> list[str]:
        return [type(frame).__name__ for frame in self.frames_of(grant)]

    def keys(self, kind: type[Frame]) -> list[AttemptKey]:
        """Returns the attempts that have sent such a frame, in order."""
        return [frame.key for frame in self.frames if type(frame) is kind]

    async def until(self, condition: Callable[[], object]) -> None:
        """Waits for frames until the condition holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def _add_handlers(self) -> None:
        @self.handler("echo")
        async def _(request: object, _: TaskContext) -> object:
            return request

        @self.handler("holds")
        async def _(_: object, __: TaskContext) -> None:
            assert self._released.wait(PATIENCE_S)

        @self.handler("waits for cancel")
        async def _(_: object, task: TaskContext) -> None:
            await until_cancelled(task)

    def _take(self, frames: Sequence[Frame]) -> None:
        assert threading.get_ident() == self._loop_thread
        self.batches += 1
        self.frames.extend(frames)
        self._news.set()

    def _finished(self, grant: Grant) -> Finished | None:
        ends = [frame for frame in self.frames_of(grant) if isinstance(frame, Finished)]
        return ends[0] if ends else None


def _as_coroutine(body: Body) -> Callable[[Any, TaskContext], Awaitable[object]]:
    async def call(request: Any, task: TaskContext) -> object:
        return await body(request, task)

    return _typed_as(body, call)


def _as_function(body: Body) -> Callable[[Any, TaskContext], object]:
    def call(request: Any, task: TaskContext) -> object:
        running = body(request, task)
        try:
            running.send(None)
        except StopIteration as end:
            return end.value
        raise AssertionError("a handler of this suite suspended in a thread")

    return _typed_as(body, call)


def _typed_as(body: Body, call: Callable[[Any, TaskContext], Any]) -> Callable[[Any, TaskContext], Any]:
    if "request" in body.__annotations__:
        call.__annotations__["request"] = body.__annotations__["request"]
    return call


def _on_loop() -> bool:
    return asyncio._get_running_loop() is not None
