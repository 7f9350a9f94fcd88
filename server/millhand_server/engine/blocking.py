"""The task manager for code without an event loop: the same operations, each returning when it is done."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from typing import Any, Self, TypeVar

from millhand_server.core.errors import MillhandError
from millhand_server.core.ports import Inserted
from millhand_server.core.query import Page, TaskFilter
from millhand_server.core.task import Task, TaskSpec
from millhand_server.engine.answers import (
    AllCancelled,
    Cancellation,
    CloseMode,
    Drained,
    Explanation,
    Resized,
    ResultsPage,
    StreamFrame,
    TaskPage,
    WaitEnd,
)
from millhand_server.engine.manager import TaskManager
from millhand_server.engine.measuring import Measures
from millhand_server.engine.middleware import Middleware
from millhand_server.engine.reading import ReadRequest

R = TypeVar("R")


class BlockingTaskManager:
    """Runs a `TaskManager` on a loop in a thread of its own. Safe to call from any other thread.

    Arguments, answers and errors are those of `TaskManager`. A handler must not wait for another task with
    it: handlers that wait for each other can use up all workers.
    """

    def __init__(self, build: Callable[[], TaskManager]) -> None:
        """Calls `build` on the new loop and starts the manager.

        Raises:
            StoreUnavailable: the manager's store cannot be opened.
        """
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="millhand-manager", daemon=True)
        self._thread.start()
        try:
            self.manager = self._run(_started(build))
        except BaseException:
            self._stop()
            raise

    def register_middleware(self, *middleware: Middleware) -> None:
        self.manager.register_middleware(*middleware)

    def register_task(self, spec: TaskSpec) -> Inserted:
        return self._run(self.manager.register_task(spec))

    def register_tasks(
        self, specs: Sequence[TaskSpec], *, atomic: bool = True
    ) -> list[Inserted | MillhandError]:
        return self._run(self.manager.register_tasks(specs, atomic=atomic))

    def execute_task(
        self, target: str | TaskSpec, *, timeout_us: int | None = None, cancel_on_timeout: bool = False
    ) -> Task:
        return self._run(
            self.manager.execute_task(target, timeout_us=timeout_us, cancel_on_timeout=cancel_on_timeout)
        )

    def cancel_task(self, task_id: str, reason: str = "", *, wait_us: int | None = None) -> Cancellation:
        return self._run(self.manager.cancel_task(task_id, reason, wait_us=wait_us))

    def cancel_all(self, wanted: TaskFilter, reason: str = "") -> AllCancelled:
        return self._run(self.manager.cancel_all(wanted, reason))

    def cancel_all_and_wait(
        self, wanted: TaskFilter, reason: str = "", *, timeout_us: int | None = None
    ) -> AllCancelled:
        return self._run(self.manager.cancel_all_and_wait(wanted, reason, timeout_us=timeout_us))

    def get_task(self, task_id: str) -> Task:
        return self._run(self.manager.get_task(task_id))

    def get_tasks(self, wanted: TaskFilter, page: Page) -> TaskPage:
        return self._run(self.manager.get_tasks(wanted, page))

    def get_active_tasks(self, page: Page) -> TaskPage:
        return self._run(self.manager.get_active_tasks(page))

    def get_results(self, wanted: TaskFilter, *, after: str = "", limit: int = 100) -> ResultsPage:
        return self._run(self.manager.get_results(wanted, after=after, limit=limit))

    def stream_results(self, request: ReadRequest) -> Iterator[StreamFrame]:
        return self._iterate(lambda: self.manager.stream_results(request))

    def get_cancelled(self, after: str = "", *, follow: bool = False) -> Iterator[StreamFrame]:
        return self._iterate(lambda: self.manager.get_cancelled(after, follow=follow))

    def start_workers(self, count: int | None = None) -> Resized:
        return self._run(self.manager.start_workers(count))

    def wait(self, wanted: TaskFilter, *, timeout_us: int | None = None) -> WaitEnd:
        return self._run(self.manager.wait(wanted, timeout_us=timeout_us))

    def explain_task(self, task_id: str) -> Explanation:
        return self._run(self.manager.explain_task(task_id))

    def measure(self) -> Measures:
        return self._run(self.manager.measure())

    def close(self, mode: CloseMode = CloseMode.GRACEFUL, *, timeout_us: int | None = None) -> Drained:
        """Closes the manager and its store, and ends the loop; nothing can be called afterwards."""
        drained = self._run(self._close(mode, timeout_us))
        self._stop()
        return drained

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self.close()

    async def _close(self, mode: CloseMode, timeout_us: int | None) -> Drained:
        drained = await self.manager.close(mode, timeout_us=timeout_us)
        await self.manager.close_store()
        return drained

    def _run(self, operation: Coroutine[Any, Any, R]) -> R:
        if threading.current_thread() is self._thread:
            operation.close()
            raise RuntimeError("called on the manager's own loop, which would wait for itself for ever")
        try:
            future = asyncio.run_coroutine_threadsafe(operation, self._loop)
        except RuntimeError:
            operation.close()
            raise RuntimeError("the manager is closed") from None
        return future.result()

    def _iterate(self, open_stream: Callable[[], AsyncGenerator[StreamFrame, None]]) -> Iterator[StreamFrame]:
        stream = open_stream()
        try:
            while (frame := self._run(_next(stream))) is not None:
                yield frame
        finally:
            self._run(_ended(stream))

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


async def _started(build: Callable[[], TaskManager]) -> TaskManager:
    manager = build()
    await manager.start()
    return manager


async def _next(stream: AsyncGenerator[StreamFrame, None]) -> StreamFrame | None:
    return await anext(stream, None)


async def _ended(stream: AsyncGenerator[StreamFrame, None]) -> None:
    await stream.aclose()
