"""What a reader asks for: filters, orders and pages. `matches` is the meaning of a filter in one place."""

from __future__ import annotations

from enum import Enum

import msgspec

from millhand_server.core.status import TaskStatus, shown
from millhand_server.core.task import Task


class TaskFilter(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Fields are ANDed, the values of one field ORed, labels must all match. Empty matches every task.

    `session_id` with `principal` is how a session sees its own tasks, and `adopted` names those that it
    registered again after somebody else; `max_sequence` cuts off tasks accepted later; `owner_epoch` finds
    what one incarnation of a node holds. None of these can be set by a caller.
    """

    ids: frozenset[str] = frozenset()
    handlers: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()
    statuses: frozenset[TaskStatus] = frozenset()
    labels: dict[str, str] = {}
    correlation_id: str = ""
    created_after_us: int | None = None
    created_before_us: int | None = None
    session_id: str = ""
    adopted: frozenset[str] = frozenset()
    principal: str | None = None
    max_sequence: int | None = None
    owner_epoch: int | None = None


EVERYTHING = TaskFilter()


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What decides the shown status beside the row: the time, and the heads that a rate limit holds back."""

    now_us: int
    limited: frozenset[str] = frozenset()


def shown_status(task: Task, seen: Seen) -> TaskStatus:
    """Returns the status that a reader sees."""
    status = shown(task.status, task.due_us, seen.now_us)
    if status is TaskStatus.QUEUED and task.id in seen.limited:
        return TaskStatus.RATE_LIMITED
    return status


def matches(wanted: TaskFilter, task: Task, seen: Seen) -> bool:
    """Tells whether a task passes a filter."""
    if wanted is EVERYTHING:
        return True
    spec = task.spec
    # What a task fails most often first: every result is held against the filter of every reader.
    return (
        (not wanted.session_id or task.session_id == wanted.session_id or spec.id in wanted.adopted)
        and (not wanted.ids or spec.id in wanted.ids)
        and (not wanted.handlers or spec.handler in wanted.handlers)
        and (not wanted.queues or task.queue in wanted.queues)
        and (not wanted.correlation_id or spec.correlation_id == wanted.correlation_id)
        and (not wanted.labels or wanted.labels.items() <= spec.labels.items())
        and (not wanted.statuses or shown_status(task, seen) in wanted.statuses)
        and (wanted.principal is None or task.principal == wanted.principal)
        and (wanted.owner_epoch is None or _held_by(task, wanted.owner_epoch))
        and (wanted.created_after_us is None or task.create_us >= wanted.created_after_us)
        and (wanted.created_before_us is None or task.create_us < wanted.created_before_us)
        and (wanted.max_sequence is None or task.sequence <= wanted.max_sequence)
    )


class Order(Enum):
    """How a listing is sorted; ties are broken by the order of acceptance."""

    CREATE_TIME = "create_time"
    DUE_TIME = "due_time"
    PRIORITY = "priority"


class Page(msgspec.Struct, frozen=True, gc=False):
    """Which part of a listing is wanted. `after` is the sort key of the last task already seen."""

    limit: int
    order: Order = Order.CREATE_TIME
    descending: bool = False
    after: tuple[int, int] | None = None


def sort_key(order: Order, task: Task) -> tuple[int, int]:
    """Returns what a listing is sorted by; unique, and stable while the task waits."""
    match order:
        case Order.CREATE_TIME:
            return (task.sequence, 0)
        case Order.DUE_TIME:
            return (task.due_us, task.sequence)
        case Order.PRIORITY:
            return (task.priority, task.sequence)


def _held_by(task: Task, epoch: int) -> bool:
    return task.owner is not None and task.owner.epoch == epoch
