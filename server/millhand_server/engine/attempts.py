"""The attempts that this node holds: claimed ahead, running, told to stop, or running on after their end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec

from millhand_server.core.execution import Isolation, StopCause
from millhand_server.core.task import AttemptKey, Progress, Task
from millhand_server.core.transition import NOTHING_REPORTED, Reported


class LiveAttempt(msgspec.Struct, eq=False):
    """One attempt from its claim until its code has ended. Belongs to the engine's loop.

    `settled` says that the task has gone on without waiting for the code (a timeout, a deadline): what the
    code still says is then dropped. Times ending in `_mono_us` are monotonic.
    """

    task: Task
    key: AttemptKey
    isolation: Isolation
    timeout_us: int
    granted_mono_us: int
    start_us: int | None = None
    started_mono_us: int | None = None
    worker: str = ""
    cause: StopCause | None = None
    signalled_mono_us: int | None = None
    settled: bool = False
    stuck: bool = False
    progress: Progress | None = None
    reported: Reported = NOTHING_REPORTED
    watchers: tuple[asyncio.Future[None], ...] = ()

    @property
    def started(self) -> bool:
        return self.start_us is not None

    def told(self) -> Reported:
        """Returns what the attempt has reported so far."""
        if self.progress is None:
            return self.reported
        return Reported(self.progress, self.reported.last_heartbeat, self.reported.heartbeat_us)

    def mark_stuck(self) -> None:
        self.stuck = True
        self.notify()

    def watch(self) -> asyncio.Future[None]:
        """Returns a future that is done when the attempt next begins, counts as stuck, or ends."""
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.watchers = (*self.watchers, watcher)
        return watcher

    def notify(self) -> None:
        watchers, self.watchers = self.watchers, ()
        for watcher in watchers:
            if not watcher.done():
                watcher.set_result(None)


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
        self._by_task[live.key.task_id] = live

    def get(self, key: AttemptKey) -> LiveAttempt | None:
        return self._by_key.get(key)

    def of_task(self, task_id: str) -> LiveAttempt | None:
        """Returns the task's newest attempt, None when no code of it can be running here."""
        return self._by_task.get(task_id)

    def remove(self, live: LiveAttempt) -> None:
        """Forgets an attempt whose code has ended, or never began."""
        task_id = live.key.task_id
        self._by_key.pop(live.key, None)
        if self._by_task.get(task_id) is live:
            del self._by_task[task_id]
        if live.watchers:
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
