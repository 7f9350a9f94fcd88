"""Any order of the verbs, against a model that says in a few lines what a store is."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from tests.contract.steps import log_ids
from tests.fakes.tasks import ECHO, OWNER, ended, handler_failed, new_task

from millhand_server.core.ports import Retention, TaskStore, Want
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import AttemptKey
from millhand_server.core.transition import (
    NOTHING_REPORTED,
    completed,
    expedited,
    failed,
    retrying,
    returned,
    started,
)
from millhand_server.store.memory import MemoryStore
from millhand_server.store.sqlite import SqliteOptions, SqliteStore
from millhand_server.testing.clock import FakeClock

T = TypeVar("T")

_KEEP_ALL = Retention(age_us=0, failed_age_us=0, count=0, bytes=0)
_ENDS = {"completed": TaskStatus.COMPLETED, "failed": TaskStatus.FAILED, "retrying": TaskStatus.RETRYING}


@dataclass
class Row:
    """What the model knows of a task."""

    order: tuple[int, int, int]
    status: TaskStatus
    held: bool = False
    attempt: int = 0
    cancel: bool = False

    @property
    def waits(self) -> bool:
        return not self.held and self.status in (
            TaskStatus.SCHEDULED,
            TaskStatus.QUEUED,
            TaskStatus.RETRYING,
        )


class StoreMachine(RuleBasedStateMachine):
    """Drives one store and the model side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = FakeClock()
        self.directory = TemporaryDirectory()
        self.store = self.new_store()
        self.rows: dict[str, Row] = {}
        self.log: list[str] = []

    def new_store(self) -> TaskStore:
        return MemoryStore(self.clock, _KEEP_ALL)

    tasks: Bundle[str] = Bundle("tasks")
    attempts: Bundle[AttemptKey] = Bundle("attempts")

    def do(self, verb: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(verb)

    @initialize()
    def open(self) -> None:
        self.do(self.store.open())

    @rule(target=tasks, priority=st.integers(-2, 2), delay_us=st.sampled_from([0, 0, 5, 20]))
    def insert(self, priority: int, delay_us: int) -> str:
        task_id = f"t{len(self.rows) + 1}"
        new = new_task(task_id, priority=priority, delay_us=delay_us)
        self.do(self.store.insert([new], atomic=True, max_waiting=0))
        status = TaskStatus.SCHEDULED if delay_us else TaskStatus.QUEUED
        due_us = self.clock.now_us() + delay_us
        self.rows[task_id] = Row((priority, due_us, len(self.rows) + 1), status)
        return task_id

    @rule(target=attempts, limit=st.integers(1, 4))
    def claim(self, limit: int) -> Any:
        claimed = self.do(self.store.claim([Want((ECHO,), limit)], limit=limit, owner=OWNER))
        due = [name for name, row in self.rows.items() if row.waits and row.order[1] <= self.clock.now_us()]
        expected = sorted(due, key=lambda name: self.rows[name].order)
        assert [task.id for task in claimed.tasks] == expected[:limit]
        assert [head.head_id for head in claimed.lanes] == [
            expected[limit] if len(expected) > limit else None
        ]
        for task in claimed.tasks:
            self.rows[task.id].held = True
            self.rows[task.id].attempt += 1
        return multiple(*(task.key for task in claimed.tasks))

    @rule(key=attempts)
    def start(self, key: AttemptKey) -> None:
        if self._apply(key, started(key, at_us=1, worker="w")):
            self.rows[key.task_id].status = TaskStatus.RUNNING

    @rule(key=attempts, how=st.sampled_from(sorted(_ENDS)), delay_us=st.sampled_from([0, 10]))
    def end(self, key: AttemptKey, how: str, delay_us: int) -> None:
        error = handler_failed()
        transition = {
            "completed": completed(key, ended(key), b"", NOTHING_REPORTED),
            "failed": failed(key, ended(key, error), NOTHING_REPORTED),
            "retrying": retrying(
                key, ended(key, error), NOTHING_REPORTED, delay_us=delay_us, uses_retry=True
            ),
        }[how]
        if not self._apply(key, transition):
            return
        row = self.rows[key.task_id]
        row.held = False
        row.status = TaskStatus.CANCELLED if row.cancel and how != "completed" else _ENDS[how]
        if row.status is TaskStatus.RETRYING:
            row.order = (row.order[0], self.clock.now_us() + delay_us, row.order[2])
        else:
            self.log.append(key.task_id)

    @rule(key=consumes(attempts))
    def give_back(self, key: AttemptKey) -> None:
        began = self.rows[key.task_id].status is TaskStatus.RUNNING
        if not self._apply(key, returned(key), refused=began):
            return
        row = self.rows[key.task_id]
        row.held = False
        row.attempt -= 1
        if row.cancel:
            row.status = TaskStatus.CANCELLED
            self.log.append(key.task_id)

    @rule(task_id=tasks)
    def cancel(self, task_id: str) -> None:
        [mark] = self.do(self.store.cancel([task_id], ""))
        row = self.rows[task_id]
        assert mark.dequeued == row.waits
        row.cancel = row.cancel or row.held or row.waits
        if row.waits:
            row.status = TaskStatus.CANCELLED
            self.log.append(task_id)

    @rule(task_id=tasks)
    def expedite(self, task_id: str) -> None:
        [applied] = self.do(self.store.apply([expedited(task_id)]))
        row = self.rows[task_id]
        assert applied.changed == row.waits
        if row.waits:
            row.status = TaskStatus.QUEUED
            row.order = (-1_000, self.clock.now_us(), row.order[2])

    @precondition(lambda self: self.rows)
    @rule(step_us=st.integers(1, 30))
    def advance(self, step_us: int) -> None:
        self.clock.advance(step_us / 1_000_000)

    @invariant()
    def the_rows_are_the_model_s(self) -> None:
        rows = [row for row in self.do(self.store.get(list(self.rows))) if row is not None]
        assert {row.id: (row.status, row.attempt, row.owner is not None) for row in rows} == {
            name: (row.status, row.attempt, row.held) for name, row in self.rows.items()
        }

    @invariant()
    def the_log_is_the_model_s(self) -> None:
        assert self.do(log_ids(self.store)) == self.log

    def teardown(self) -> None:
        self.do(self.store.close())
        self.runner.close()
        self.directory.cleanup()

    def _apply(self, key: AttemptKey, transition: Any, *, refused: bool = False) -> bool:
        """Applies, and checks that the store's guard held when the model's does."""
        [applied] = self.do(self.store.apply([transition]))
        row = self.rows[key.task_id]
        assert applied.changed == (row.held and row.attempt == key.attempt and not refused)
        return applied.changed


class SqliteMachine(StoreMachine):
    """The same for the SQLite store, which may be closed and opened again at any moment."""

    def new_store(self) -> TaskStore:
        options = SqliteOptions(Path(self.directory.name, "tasks.db"), synchronous="NORMAL")
        return SqliteStore(options, self.clock, _KEEP_ALL)

    @rule()
    def open_again(self) -> None:
        self.do(self.store.close())
        self.store = self.new_store()
        self.do(self.store.open())


TestStoreAgainstModel = StoreMachine.TestCase
TestStoreAgainstModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

TestSqliteStoreAgainstModel = SqliteMachine.TestCase
TestSqliteStoreAgainstModel.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
