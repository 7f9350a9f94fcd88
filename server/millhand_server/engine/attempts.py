"""The attempts that this node holds: claimed ahead, running, told to stop, or running on after their end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from millhand_server.core.execution import Isolation, StopCause
from millhand_server.core.task import AttemptKey, Progress, Task
from millhand_server.core.transition import NOTHING_REPORTED, Reported


class LiveAttempt:
    """One attempt from its claim until its code has ended. Belongs to the engine's loop.

    `settled` says that the task has gone on without waiting for the code (a timeout, a deadline): what the
    code still says is then dropped. Times ending in `_mono_us` are monotonic.
    """

    __slots__ = (
        "cause",
        "deadline_us",
        "granted_mono_us",
        "isolation",
        "progress",
        "reported",
        "settled",
        "signalled_mono_us",
        "start_us",
        "started_mono_us",
        "stuck",
        "task",
        "timeout_us",
        "watchers",
        "worker",
    )

    def __init__(self, task: Task, isolation: Isolation, *, timeout_us: int, granted_mono_us: int) -> None:
        self.task = task
        self.isolation = isolation
        self.timeout_us = timeout_us
        self.deadline_us = task.spec.deadline_us
        self.granted_mono_us = granted_mono_us
        self.start_us: int | None = None
        self.started_mono_us: int | None = None
        self.worker = ""
        self.cause: StopCause | None = None
        self.signalled_mono_us: int | None = None
        self.settled = False
        self.stuck = False
        self.progress: Progress | None = None
        self.reported = NOTHING_REPORTED
        self.watchers: list[asyncio.Future[None]] = []

    @property
    def key(self) -> AttemptKey:
        return self.task.key

    @property
    def started(self) -> bool:
        return self.start_us is not None

    def told(self) -> Reported:
        """Returns what the attempt has reported so far."""
        return Reported(self.progress, self.reported.last_heartbeat, self.reported.heartbeat_us)

    def mark_stuck(self) -> None:
        self.stuck = True
        self.notify()

    def watch(self) -> asyncio.Future[None]:
        """Returns a future that is done when the attempt next begins, counts as stuck, or ends."""
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.watchers.append(watcher)
        return watcher

    def notify(self) -> None:
        for watcher in self.watchers:
            if not watcher.done():
                watcher.set_result(None)
        self.watchers.clear()


class LiveAttempts:
    """All of them, by key and by task."""

    def __init__(self) -> None:
        self._by_key: dict[AttemptKey, LiveAttempt] = {}
        self._by_task: dict[str, LiveAttempt] = {}
        self._emptied: list[asyncio.Future[None]] = []

    def __iter__(self) -> Iterator[LiveAttempt]:
        return iter(list(self._by_key.values()))

    def __len__(self) -> int:
        return len(self._by_key)

    def add(self, live: LiveAttempt) -> None:
        self._by_key[live.key] = live
        self._by_task[live.task.id] = live

    def get(self, key: AttemptKey) -> LiveAttempt | None:
        return self._by_key.get(key)

    def of_task(self, task_id: str) -> LiveAttempt | None:
        """Returns the task's newest attempt, None when no code of it can be running here."""
        return self._by_task.get(task_id)

    def remove(self, live: LiveAttempt) -> None:
        """Forgets an attempt whose code has ended, or never began."""
        self._by_key.pop(live.key, None)
        if self._by_task.get(live.task.id) is live:
            del self._by_task[live.task.id]
        live.notify()
        if not self._by_key:
            for waiter in self._emptied:
                if not waiter.done():
                    waiter.set_result(None)
            self._emptied.clear()

    def stuck(self) -> int:
        """Returns how many workers are held by code that should have ended."""
        return sum(live.stuck for live in self._by_key.values())

    def until_empty(self) -> asyncio.Future[None]:
        """Returns a future that is done when no attempt is left."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._by_key:
            self._emptied.append(waiter)
        else:
            waiter.set_result(None)
        return waiter
