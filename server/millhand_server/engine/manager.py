"""The task manager: every operation of the service, for edges and for use in process.

It only delegates; each operation has its home in a module beside this one.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

from millhand_server.core.errors import Closing, InvalidArgument, MillhandError, SlowReader, TaskNotFound
from millhand_server.core.ports import (
    Clock,
    Executor,
    Inserted,
    Observer,
    PayloadCodec,
    Retention,
    TaskStore,
)
from millhand_server.core.query import Page, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Task, TaskSpec
from millhand_server.engine.acceptance import ANONYMOUS, Caller
from millhand_server.engine.answers import (
    AllCancelled,
    Cancellation,
    CloseMode,
    Drained,
    EndFrame,
    EndReason,
    Explanation,
    Resized,
    ResultsPage,
    StreamFrame,
    TaskPage,
    WaitEnd,
)
from millhand_server.engine.assembly import Engine, Given, assemble
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.clock import SystemClock
from millhand_server.engine.executors.aio import AsyncExecutor
from millhand_server.engine.executors.thread import ThreadExecutor
from millhand_server.engine.ids import new_task_id
from millhand_server.engine.measuring import Measures
from millhand_server.engine.middleware import Middleware, Operation, compose
from millhand_server.engine.options import MAX_WORKERS, Limits, ManagerOptions
from millhand_server.engine.readiness import Readiness
from millhand_server.engine.reading import PAGE_BYTES, ReadRequest, ResultReader

__all__ = ["Caller", "TaskManager"]

R = TypeVar("R")

logger = logging.getLogger(__name__)

#: Totals are counted up to here, and no further.
_COUNTED = 10_000


class TaskManager:
    """Registers, runs, cancels and waits for tasks, and hands their results out.

    Async: all calls on the loop that started it. Operations raise subclasses of `MillhandError`. Durations
    are microseconds; where a timeout may be None there is no limit, and 0 looks once.
    """

    def __init__(
        self,
        *,
        store: TaskStore,
        executors: Sequence[Executor],
        catalogue: Catalogue,
        clock: Clock | None = None,
        options: ManagerOptions | None = None,
        retention: Retention | None = None,
        node: str = "",
        random_source: random.Random | None = None,
        observers: Sequence[Observer] = (),
        new_id: Callable[[], str] = new_task_id,
    ) -> None:
        """Takes the parts; nothing happens before `start`. `node` names this process, unset the host."""
        self._given = Given(
            store=store,
            executors=executors,
            catalogue=catalogue,
            clock=clock or SystemClock(),
            options=options or ManagerOptions(),
            retention=retention or Retention(),
            node=node or socket.gethostname(),
            # Jitter between retries needs no secrecy.
            random_source=random_source or random.Random(),
            observers=observers,
            new_id=new_id,
        )
        self._middleware: list[Middleware] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.node = self._given.node
        self.catalogue = catalogue
        self.limits: Limits = self._given.options.limits
        self.store_name = store.name
        self.started_us = 0
        #: The epoch of the log, known once started.
        self.epoch = ""

    @classmethod
    def with_defaults(
        cls, catalogue: Catalogue, *, store: TaskStore, codec: PayloadCodec, clock: Clock | None = None
    ) -> TaskManager:
        """Returns a manager with the Go library's numbers, on thread and async executors."""
        clock = clock or SystemClock()
        executors = (ThreadExecutor(catalogue, codec, clock), AsyncExecutor(catalogue, codec, clock))
        return cls(
            store=store,
            executors=executors,
            catalogue=catalogue,
            clock=clock,
            options=ManagerOptions.with_defaults(),
        )

    async def start(self) -> None:
        """Opens the store, takes back what an earlier process held, and starts the workers.

        Raises:
            StoreUnavailable: the store cannot be opened.
        """
        given = self._given
        self.epoch = await given.store.open()
        self.started_us = given.clock.now_us()
        self._engine: Engine = assemble(given, epoch=self.epoch)
        self.readiness = Readiness(self._engine)
        await self._engine.recovery.run()
        await self._engine.shared.tail.start()
        await self._engine.dispatcher.start()
        for executor in given.executors:
            executor.start(self._engine.settler.take, workers=given.options.max_workers)
        loops = {**self._engine.loops(), "readiness": self.readiness.run()}
        self._tasks = [asyncio.create_task(loop, name=f"millhand {name}") for name, loop in loops.items()]
        for task in self._tasks:
            task.add_done_callback(self.readiness.loop_ended)

    @property
    def closing(self) -> asyncio.Event:
        """Set when `close` was called: from then on new tasks are refused."""
        return self._engine.closing.begun

    def is_ready(self) -> bool:
        """Tells whether tasks can be taken and run now."""
        return self.readiness.ready

    def register_middleware(self, *middleware: Middleware) -> None:
        """Adds layers around every operation, first is outermost, inside those that are there already."""
        self._middleware.extend(middleware)

    async def register_task(self, spec: TaskSpec, *, caller: Caller = ANONYMOUS) -> Inserted:
        """Takes a task in, once: the same id or key with the same content gives the existing task."""
        self._refuse_when_closing()
        return await self._call("register_task", caller, self._engine.acceptance.accept, spec, caller)

    async def register_tasks(
        self, specs: Sequence[TaskSpec | MillhandError], *, atomic: bool = True, caller: Caller = ANONYMOUS
    ) -> list[Inserted | MillhandError]:
        """Takes a batch in, in order. `atomic`: all or nothing, and what refuses it is raised.

        What the caller has refused already stands as its refusal, so that the others keep their places.
        """
        self._refuse_when_closing()
        accept = self._engine.acceptance.accept_many
        return await self._call("register_tasks", caller, accept, specs, caller, atomic=atomic)

    async def execute_task(
        self,
        target: str | TaskSpec,
        *,
        timeout_us: int | None = None,
        cancel_on_timeout: bool = False,
        caller: Caller = ANONYMOUS,
        on_accepted: Callable[[str], Awaitable[None]] | None = None,
    ) -> Task:
        """Runs a new task, or a registered one by id ahead of its order, and returns it when it is final.

        `on_accepted` is awaited with the id as soon as the task is in the store.

        Raises:
            TaskTimeout: the wait was over first; the task goes on, or was cancelled with `cancel_on_timeout`.
        """
        self._refuse_when_closing()
        waiting = self._engine.waiting
        options: dict[str, Any] = {
            "timeout_us": timeout_us,
            "cancel_on_timeout": cancel_on_timeout,
            "on_accepted": on_accepted,
        }
        if isinstance(target, str):
            return await self._call("execute_task", caller, waiting.execute_known, target, **options)
        return await self._call("execute_task", caller, waiting.execute_new, target, caller, **options)

    async def cancel_task(
        self, task_id: str, reason: str = "", *, wait_us: int | None = None, caller: Caller = ANONYMOUS
    ) -> Cancellation:
        """Cancels a task. With `wait_us` the answer says what came of the running code."""
        cancel = self._engine.cancelling.cancel_and_wait
        done = await self._call("cancel_task", caller, cancel, task_id, reason, wait_us)
        return Cancellation(done.outcome, await self._present(done.task))

    async def cancel_tasks(
        self, ids: Sequence[str], reason: str = "", *, caller: Caller = ANONYMOUS
    ) -> list[Cancellation | MillhandError]:
        """Cancels tasks by id, and answers in their order; unknown ones are TaskNotFound there."""
        return await self._call("cancel_tasks", caller, self._engine.cancelling.cancel, ids, reason)

    async def cancel_all(
        self, wanted: TaskFilter, reason: str = "", *, caller: Caller = ANONYMOUS
    ) -> AllCancelled:
        """Cancels every matching task that was accepted before the call and is not final."""
        cancel = self._engine.cancelling.cancel_all
        cancelled, _ = await self._call("cancel_all", caller, cancel, wanted, reason)
        return cancelled

    async def cancel_all_and_wait(
        self,
        wanted: TaskFilter,
        reason: str = "",
        *,
        timeout_us: int | None = None,
        caller: Caller = ANONYMOUS,
    ) -> AllCancelled:
        """As `cancel_all`, then waits for running code to end."""
        cancel = self._engine.cancelling.cancel_all_and_wait
        return await self._call("cancel_all_and_wait", caller, cancel, wanted, reason, timeout_us)

    async def get_task(self, task_id: str) -> Task:
        """Returns a task as it is now.

        Raises:
            TaskNotFound: there is no such task, or its retention is over.
        """
        [row] = await self._given.store.get([task_id])
        if row is None:
            raise TaskNotFound(task_id, field="id")
        return await self._present(row)

    async def get_tasks(self, wanted: TaskFilter, page: Page) -> TaskPage:
        """Returns a page of the tasks that match; empty when none does."""
        seen = await self._engine.presenting.seen()
        found = await self._given.store.find(wanted, page, seen)
        total = sum((await self._given.store.count(wanted, seen, limit=_COUNTED + 1)).values())
        tasks = await self._engine.presenting.present(found.tasks)
        return TaskPage(tasks, found.more, min(total, _COUNTED + 1), total <= _COUNTED)

    async def get_active_tasks(self, page: Page) -> TaskPage:
        """Returns a page of the tasks that have a live attempt, and how many there are in all."""
        return await self.get_tasks(TaskFilter(statuses=frozenset({TaskStatus.RUNNING})), page)

    async def get_results(
        self, wanted: TaskFilter, *, after: str = "", limit: int = 100, max_bytes: int = PAGE_BYTES
    ) -> ResultsPage:
        """Returns results after a cursor, and the cursor to go on from; takes nothing away."""
        return await self._engine.results.page(wanted, after, limit=limit, max_bytes=max_bytes)

    async def open_reader(self, request: ReadRequest) -> ResultReader:
        """Returns a reader of results; close it when done."""
        return await self._engine.results.open_reader(request)

    async def stream_results(self, request: ReadRequest) -> AsyncGenerator[StreamFrame, None]:
        """Yields results as they come, from a cursor on; the last frame is an EndFrame.

        Raises:
            SlowReader: after that frame, when the policy is DISCONNECT and the reader fell behind.
        """
        reader = await self.open_reader(request)
        try:
            while True:
                for frame in await reader.read():
                    yield frame
                    if isinstance(frame, EndFrame):
                        if frame.reason is EndReason.SLOW_READER:
                            raise SlowReader(frame.message)
                        return
        finally:
            reader.close()

    def get_cancelled(self, after: str = "", *, follow: bool = False) -> AsyncGenerator[StreamFrame, None]:
        """Yields cancelled tasks as `stream_results` yields results."""
        wanted = TaskFilter(statuses=frozenset({TaskStatus.CANCELLED}))
        return self.stream_results(ReadRequest(wanted, after, follow=follow))

    async def start_workers(self, count: int | None = None, *, node_id: str = "") -> Resized:
        """Changes the number of workers (None: to the configured number); fewer takes effect as they end.

        Raises:
            InvalidArgument: the count is negative, or the node is another one.
        """
        self._check_node(node_id)
        if count is not None and not 0 <= count <= MAX_WORKERS:
            raise InvalidArgument(f"the number of workers is 0 to {MAX_WORKERS:,}", field="count")
        before = self._engine.dispatcher.workers
        self._engine.dispatcher.resize(self._given.options.max_workers if count is None else count)
        return Resized(before, self._engine.dispatcher.workers)

    async def wait(
        self, wanted: TaskFilter, *, timeout_us: int | None = None, caller: Caller = ANONYMOUS
    ) -> WaitEnd:
        """Waits until at one instant no matching task is not final."""
        return await self._call("wait", caller, self._engine.waiting.wait, wanted, timeout_us)

    async def explain_task(self, task_id: str) -> Explanation:
        """Says why a task is not running."""
        return await self._engine.explaining.explain(await self.get_task(task_id))

    async def measure(self) -> Measures:
        """Returns the state of the engine in numbers."""
        return await self._engine.measuring.measure()

    async def close(
        self, mode: CloseMode = CloseMode.GRACEFUL, *, timeout_us: int | None = None, node_id: str = ""
    ) -> Drained:
        """Stops taking tasks, lets running ones finish (at most `timeout_us`; None: the configured grace).

        Reads go on working until the store is closed, which is its owner's to do. A second call waits for
        the first and gets the same answer.
        """
        self._check_node(node_id)
        drained = await self._engine.closing.close(mode, timeout_us)
        await self._stop()
        return drained

    async def close_store(self) -> None:
        """Closes the store, after which nothing can be read; for those who do not own it themselves."""
        await self._given.store.close()

    async def _stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if tasks:
            for executor in self._given.executors:
                await executor.stop()

    async def _present(self, row: Task) -> Task:
        [task] = await self._engine.presenting.present([row])
        return task

    def _check_node(self, node_id: str) -> None:
        if node_id and node_id != self.node:
            raise InvalidArgument(
                f"this server is node {self.node!r} and knows no node {node_id!r}", field="node_id"
            )

    def _refuse_when_closing(self) -> None:
        if self.closing.is_set():
            raise Closing

    async def _call(
        self, name: str, caller: Caller, operation: Callable[..., Awaitable[R]], *args: Any, **kwargs: Any
    ) -> R:
        if not self._middleware:
            return await operation(*args, **kwargs)

        async def innermost(asked: Operation, _: Caller) -> Any:
            return await operation(*asked.args, **asked.kwargs)

        answer: R = await compose(self._middleware, innermost)(Operation(name, args, kwargs), caller)
        return answer
