"""One random history on the memory store and on the SQLite store: every answer must be the same."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.contract.pair import Pair
from tests.fakes.tasks import ended, handler_failed, new_task

from millhand_server.core.ports import Retention, Want
from millhand_server.core.query import Order, Page, Seen, TaskFilter, sort_key
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import AttemptKey, Lane, NewTask, Owner, Progress
from millhand_server.core.transition import (
    Reported,
    Transition,
    cancelled,
    completed,
    dropped,
    expedited,
    failed,
    interrupted,
    overdue,
    overdue_claimed,
    retrying,
    returned,
    started,
    timed_out,
    timeout_error,
)
from millhand_server.store.memory import MemoryStore
from millhand_server.store.sqlite import SqliteOptions, SqliteStore
from millhand_server.testing.clock import FakeClock

T = TypeVar("T")

_KEEP_ALL = Retention(age_us=0, failed_age_us=0, count=0, bytes=0)
_PLENTY = 1_000_000

IDS = [f"t{n}" for n in range(12)]
OWNERS = [Owner("node-1", 1), Owner("node-1", 2), Owner("node-2", 3)]
LANES = [
    Lane(queue, key, handler) for queue in ("default", "q") for key in ("", "k") for handler in ("a", "b")
]

_some = st.sampled_from
_maybe_us = _some([None, None, 0, 7, 40])

new_tasks = st.builds(
    lambda task_id, lane, labels, **given: new_task(
        task_id,
        handler=lane.handler,
        queue=lane.queue,
        fairness_key=lane.fairness_key,
        labels=labels,
        **given,
    ),
    _some(IDS),
    _some(LANES),
    st.dictionaries(_some(["x", "y"]), _some(["1", "2"]), max_size=1),
    priority=st.integers(-1, 1),
    delay_us=_maybe_us,
    start_timeout_us=_maybe_us,
    payload=_some([b"", b"p", b"p" * 5_000]),
    idempotency_key=_some(["", "", "k1", "k2"]),
    id_given=st.booleans(),
    principal=_some(["ann", "bob"]),
    session_id=_some(["", "s"]),
    correlation_id=_some(["", "c"]),
)
filters = st.builds(
    TaskFilter,
    ids=st.frozensets(_some(IDS), max_size=4),
    handlers=st.frozensets(_some(["a", "b"]), max_size=1),
    queues=st.frozensets(_some(["default", "q"]), max_size=1),
    statuses=st.frozensets(_some(list(TaskStatus)), max_size=4),
    labels=st.dictionaries(_some(["x", "y"]), _some(["1", "2"]), max_size=1),
    correlation_id=_some(["", "", "c"]),
    session_id=_some(["", "", "s"]),
    adopted=st.frozensets(_some(IDS), max_size=2),
    principal=_some([None, None, "ann"]),
    max_sequence=_some([None, None, 5]),
    owner_epoch=_some([None, None, None, 1]),
)
any_filters = st.one_of(st.just(TaskFilter()), filters)
retentions = st.builds(
    Retention,
    age_us=_some([0, 50]),
    failed_age_us=_some([0, 90]),
    count=_some([0, 2, 5]),
    bytes=_some([0, 4_000, 20_000]),
)


class PairMachine(RuleBasedStateMachine):
    """Both stores have one clock; what one is asked the other one is too."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = TemporaryDirectory()
        self.clock = FakeClock()
        self.store = Pair(MemoryStore(self.clock, _KEEP_ALL), self.new_sqlite_store())
        self.keys: list[AttemptKey] = []

    def new_sqlite_store(self) -> SqliteStore:
        options = SqliteOptions(Path(self.directory.name, "tasks.db"), synchronous="NORMAL")
        return SqliteStore(options, self.clock, _KEEP_ALL)

    def do(self, verb: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(verb)

    @initialize()
    def open(self) -> None:
        self.do(self.store.open())

    @rule(owner=_some(OWNERS))
    def open_again(self, owner: Owner) -> None:
        self.do(self.store.other.close())
        self.store.other = self.new_sqlite_store()
        self.do(self.store.other.open())
        # While the clock stands still both know that all owners lived until now, and later that this one did.
        self.do(self.store.recover(owner, limit=_PLENTY))

    @rule(
        tasks=st.lists(new_tasks, min_size=1, max_size=6),
        atomic=st.booleans(),
        max_waiting=_some([0, 0, 0, 4]),
    )
    def insert(self, tasks: list[NewTask], atomic: bool, max_waiting: int) -> None:
        self.do(self.store.insert(tasks, atomic=atomic, max_waiting=max_waiting))

    @rule(
        wants=st.lists(
            st.builds(Want, st.lists(_some(LANES), max_size=4).map(tuple), st.integers(0, 4)), max_size=3
        ),
        limit=st.integers(0, 6),
        owner=_some(OWNERS),
    )
    def claim(self, wants: list[Want], limit: int, owner: Owner) -> None:
        claimed = self.do(self.store.claim(wants, limit=limit, owner=owner))
        self.keys += [task.key for task in claimed.tasks]

    @rule(data=st.data())
    def apply(self, data: st.DataObject) -> None:
        kinds = st.lists(st.integers(0, 12), min_size=1, max_size=5)
        self.do(self.store.apply([self._transition(kind, data) for kind in data.draw(kinds)]))

    @rule(ids=st.lists(_some(IDS), max_size=3), reason=_some(["", "enough"]))
    def cancel(self, ids: list[str], reason: str) -> None:
        self.do(self.store.cancel(ids, reason))

    @rule(owner=_some(OWNERS), limit=st.integers(1, 5))
    def recover(self, owner: Owner, limit: int) -> None:
        self.do(self.store.recover(owner, limit=limit))

    @rule(retention=retentions)
    def prune(self, retention: Retention) -> None:
        while self.do(self.store.prune(retention)).more:
            pass

    @rule(step_us=st.integers(1, 30))
    def advance(self, step_us: int) -> None:
        self.clock.advance_us(step_us)

    @rule(step_us=st.integers(1, 60))
    def jump_forward(self, step_us: int) -> None:
        # Back is left out: whether a time that has come still has then is each store's own to say.
        self.clock.jump(step_us / 1_000_000)

    @rule(wanted=any_filters, order=_some(list(Order)), descending=st.booleans(), limit=st.integers(1, 5))
    def list_all(self, wanted: TaskFilter, order: Order, descending: bool, limit: int) -> None:
        page = Page(limit, order, descending)
        while True:
            found = self.do(self.store.find(wanted, page, self._seen()))
            if not found.more:
                return
            page = Page(limit, order, descending, sort_key(order, found.tasks[-1]))

    @rule(wanted=any_filters, limited=st.frozensets(_some(IDS), max_size=2), limit=_some([0, 0, 3]))
    def count(self, wanted: TaskFilter, limited: frozenset[str], limit: int) -> None:
        # With a limit it is open which ones are counted.
        if limit:
            counts = [
                self.do(store.count(wanted, self._seen(limited), limit=limit))
                for store in (self.store.one, self.store.other)
            ]
            assert sum(counts[0].values()) == sum(counts[1].values())
        else:
            self.do(self.store.count(wanted, self._seen(limited), limit=0))

    @rule(wanted=any_filters, after=st.integers(0, 9), limit=st.integers(1, 4))
    def read_log(self, wanted: TaskFilter, after: int, limit: int) -> None:
        found: list[list[str]] = []
        for store in (self.store.one, self.store.other):
            position, ids = after, []
            while True:
                page = self.do(store.read_log(position, wanted, limit=limit, max_bytes=_PLENTY))
                ids += [task.id for task in page.tasks]
                position = page.position
                if position >= page.last:
                    break
            found.append(ids)
        assert found[0] == found[1]

    @rule(limit=st.integers(1, 4))
    def read_what_waits(self, limit: int) -> None:
        self.do(self.store.lanes())
        self.do(self.store.overdue(limit))

    @rule(task_id=_some(IDS))
    def ahead_of(self, task_id: str) -> None:
        [task] = self.do(self.store.get([task_id]))
        if task is not None and task.owner is None and not task.is_final:
            self.do(self.store.ahead_of(task))

    @invariant()
    def rows_and_log_are_the_same(self) -> None:
        self.do(self.store.get(IDS))
        self.do(self.store.read_log(0, TaskFilter(), limit=_PLENTY, max_bytes=_PLENTY))

    def teardown(self) -> None:
        self.do(self.store.close())
        self.runner.close()
        self.directory.cleanup()

    def _seen(self, limited: frozenset[str] = frozenset()) -> Seen:
        return Seen(self.clock.now_us(), limited)

    def _transition(self, kind: int, data: st.DataObject) -> Transition:
        error = handler_failed()
        told = Reported(Progress(0.5, "half", 3), b"beat", 4) if kind % 2 else Reported()
        if kind < 2 or not self.keys:
            task_id = data.draw(_some(IDS))
            return expedited(task_id) if kind else overdue(task_id, timeout_error("start", "late"))
        key = data.draw(_some(self.keys[-6:]))
        well, badly = ended(key), ended(key, error)
        return [
            lambda: started(key, at_us=5, worker="w"),
            lambda: started(key, at_us=6, worker="v"),
            lambda: completed(key, well, b"out", told),
            lambda: failed(key, badly, told),
            lambda: cancelled(key, badly, told),
            lambda: timed_out(key, badly, told),
            lambda: retrying(key, badly, told, delay_us=9, uses_retry=True),
            lambda: interrupted(key, badly, told),
            lambda: returned(key),
            lambda: dropped(key, error),
            lambda: overdue_claimed(key, error),
        ][kind - 2]()


TestPair = PairMachine.TestCase
TestPair.settings = settings(max_examples=15, stateful_step_count=40, deadline=None)
