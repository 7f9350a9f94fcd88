"""Answers "why is my task not running?", most binding reason first."""

from __future__ import annotations

from collections.abc import Mapping

from millhand_server.core.execution import Isolation
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Task
from millhand_server.engine.answers import Block, BlockReason, Explanation
from millhand_server.engine.dispatcher import Dispatcher
from millhand_server.engine.pool import Pool
from millhand_server.engine.shared import Shared


class Explaining:
    """Looks at a waiting task from all sides. Belongs to the engine's loop."""

    def __init__(self, shared: Shared, dispatcher: Dispatcher, pools: Mapping[Isolation, Pool]) -> None:
        self._store = shared.store
        self._dispatcher = dispatcher
        self._pools = pools
        self._live = shared.live
        self._limiter = shared.limiter
        self._catalogue = shared.catalogue
        self._clock = shared.clock

    async def explain(self, task: Task) -> Explanation:
        """Explains a task as `present` shows it; one that runs or is final has no reasons."""
        if task.is_final or task.status is TaskStatus.RUNNING:
            return Explanation(task.status)
        entry = self._catalogue.get(task.spec.handler)
        if entry is None:
            return Explanation(task.status, (self._no_handler(task),))
        pool = self._pools[entry.isolation]
        ahead = await self._store.ahead_of(task)
        reasons = [
            *self._of_the_server(),
            *self._of_quarantine(task),
            *self._of_time(task),
            *self._of_limits(task),
            *self._of_workers(pool),
            *_of_position(task, ahead),
        ]
        return Explanation(task.status, tuple(reasons), self._estimate(task, pool, ahead))

    def _of_the_server(self) -> list[Block]:
        blocks = []
        if not self._dispatcher.store_is_available:
            blocks.append(
                Block(BlockReason.STORE_UNAVAILABLE, "the store does not answer; it is asked again and again")
            )
        if not self._dispatcher.claims:
            blocks.append(Block(BlockReason.DRAINING, "the server is shutting down and starts nothing new"))
        return blocks

    def _of_quarantine(self, task: Task) -> list[Block]:
        quarantine, live = self._dispatcher.quarantine, self._live.of_task(task.id)
        if live is not None and live in quarantine:
            message = f"{task.losses} servers died while they ran it, and such tasks run one at a time"
            return [Block(BlockReason.QUARANTINE, message, used=task.losses)]
        closed_us = quarantine.closed_us(self._clock.monotonic_us())
        if not closed_us:
            return []
        message = "a task that servers died with has just begun, and for a moment nothing else may"
        return [Block(BlockReason.QUARANTINE, message, wait_us=closed_us)]

    def _of_time(self, task: Task) -> list[Block]:
        wait_us = task.due_us - self._clock.now_us()
        if task.status is TaskStatus.SCHEDULED:
            return [Block(BlockReason.NOT_DUE, "it is scheduled for later", wait_us=max(0, wait_us))]
        if task.status is TaskStatus.RETRYING:
            message = f"attempt {task.attempt} failed; it waits before the next one"
            return [Block(BlockReason.RETRY_WAIT, message, used=task.retries_used, wait_us=max(0, wait_us))]
        return []

    def _of_limits(self, task: Task) -> list[Block]:
        wait_us = self._limiter.wait_us()
        if not wait_us or task.due_us > self._clock.now_us():
            return []
        return [
            Block(
                BlockReason.RATE_LIMIT,
                f"at most {self._limiter.rate:g} tasks start per second (tasks_per_second)",
                name="tasks_per_second",
                limit=max(1, int(self._limiter.rate)),
                wait_us=wait_us,
            )
        ]

    def _of_workers(self, pool: Pool) -> list[Block]:
        blocks = []
        stuck = self._live.stuck()
        if stuck:
            message = f"{stuck} workers are held by code that did not stop when it was told to"
            blocks.append(Block(BlockReason.WORKERS_STUCK, message, limit=pool.workers, used=stuck))
        if pool.free == 0:
            message = f"all {pool.workers} workers are busy (max_workers)"
            if pool.workers == 0:
                message = "there are no workers: StartWorkers was called with 0"
            blocks.append(
                Block(BlockReason.WORKERS_BUSY, message, "max_workers", limit=pool.workers, used=pool.busy)
            )
        limit, running = self._dispatcher.max_tasks, self._dispatcher.running
        if running >= limit > 0 and pool.free > 0:
            message = f"{running} attempts run, as many as may (max_tasks)"
            blocks.append(
                Block(BlockReason.CONCURRENCY_LIMIT, message, "max_tasks", limit=limit, used=running)
            )
        return blocks

    def _estimate(self, task: Task, pool: Pool, ahead: int) -> int | None:
        """Returns about when it starts: as if all ahead of it took as long as its handler does."""
        mean_us = pool.mean_us(task.spec.handler)
        if pool.workers == 0 or not self._dispatcher.claims or (ahead and mean_us is None):
            return None
        queue_us = ahead * (mean_us or 0.0) / pool.workers
        if self._limiter.limited:
            queue_us = max(queue_us, ahead / self._limiter.rate * 1e6 + self._limiter.wait_us())
        return max(task.due_us, self._clock.now_us() + int(queue_us))

    def _no_handler(self, task: Task) -> Block:
        message = f"no server that runs has a handler called {task.spec.handler!r}"
        return Block(BlockReason.NO_HANDLER, message, name=task.spec.handler)


def _of_position(task: Task, ahead: int) -> list[Block]:
    if not ahead:
        return []
    message = f"{ahead} tasks of queue {task.queue!r} start before it"
    return [Block(BlockReason.QUEUE_POSITION, message, name=task.queue, ahead=ahead)]
