"""Steps that tests of stores take: put tasks in, claim, start and end them, and read what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from tests.fakes.tasks import ECHO, OWNER, ended, handler_failed

from millhand_server.core.ports import Inserted, LaneHead, TaskStore, Want
from millhand_server.core.query import EVERYTHING, Order, Page, Seen, TaskFilter
from millhand_server.core.task import Lane, NewTask, Owner, Task
from millhand_server.core.transition import (
    NOTHING_REPORTED,
    Transition,
    cancelled,
    completed,
    failed,
    started,
)
from millhand_server.testing.clock import FakeClock

PLENTY = 1_000_000


async def put(store: TaskStore, *tasks: NewTask) -> list[Task]:
    """Puts new tasks in and returns their rows."""
    results = await store.insert(tasks, atomic=True, max_waiting=0)
    rows = [result.task for result in results if isinstance(result, Inserted) and result.created]
    assert len(rows) == len(tasks), results
    return rows


async def claim(store: TaskStore, *lanes: Lane, limit: int = PLENTY, owner: Owner = OWNER) -> list[Task]:
    """Claims due tasks of the lanes (of `echo` when none is named) and returns the rows."""
    want = Want(lanes or (ECHO,), limit)
    return list((await store.claim([want], limit=limit, owner=owner)).tasks)


async def change(store: TaskStore, transition: Transition) -> Task:
    """Applies a transition that must hold and returns the row."""
    [applied] = await store.apply([transition])
    assert applied.changed
    assert applied.task is not None
    return applied.task


async def start(store: TaskStore, *lanes: Lane) -> Task:
    """Claims and starts the most urgent task of the lanes."""
    [task] = await claim(store, *lanes, limit=1)
    return await change(store, started(task.key, at_us=10, worker="w-1"))


async def complete(store: TaskStore, task: Task, output: bytes = b"") -> Task:
    """Ends the attempt of a held task well."""
    return await change(store, completed(task.key, ended(task), output, NOTHING_REPORTED))


async def fail(store: TaskStore, task: Task) -> Task:
    """Ends the last attempt of a held task in an error."""
    return await change(store, failed(task.key, ended(task, handler_failed()), NOTHING_REPORTED))


async def finish_one(store: TaskStore, new: NewTask, how: str = "completed", output: bytes = b"") -> Task:
    """Puts one task in, alone in its lane, and brings it to an end: completed, failed or cancelled."""
    [row] = await put(store, new)
    task = await start(store, row.lane)
    if how == "completed":
        return await complete(store, task, output)
    if how == "failed":
        return await fail(store, task)
    return await change(store, cancelled(task.key, ended(task, handler_failed()), NOTHING_REPORTED))


async def read(store: TaskStore, *ids: str) -> list[Task]:
    """Reads rows that must be there."""
    rows = await store.get(ids)
    present = [row for row in rows if row is not None]
    assert len(present) == len(ids), ids
    return present


async def lane_of(store: TaskStore, lane: Lane = ECHO) -> LaneHead | None:
    """Reads one lane, None when it has no waiting task."""
    return next((head for head in await store.lanes() if head.lane == lane), None)


async def found_ids(
    store: TaskStore,
    clock: FakeClock,
    wanted: TaskFilter = EVERYTHING,
    *,
    limit: int = PLENTY,
    order: Order = Order.CREATE_TIME,
    descending: bool = False,
    after: tuple[int, int] | None = None,
    limited: frozenset[str] = frozenset(),
) -> list[str]:
    """Lists ids of one page."""
    page = Page(limit, order, descending, after)
    return ids(
        (await store.find(wanted, page, Seen(clock.now_us(), limited))).tasks,
    )


async def log_ids(store: TaskStore, after: int = 0, wanted: TaskFilter = EVERYTHING) -> list[str]:
    """Reads the ids in the log, page after page."""
    found: list[str] = []
    while True:
        page = await store.read_log(after, wanted, limit=PLENTY, max_bytes=PLENTY)
        found += ids(page.tasks)
        if page.position >= page.last:
            return found
        after = page.position


def ids(tasks: Sequence[Task]) -> list[str]:
    """Returns the ids of tasks."""
    return [task.id for task in tasks]
