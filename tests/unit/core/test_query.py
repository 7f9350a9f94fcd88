from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from millhand_server.core.query import EVERYTHING, Order, Seen, TaskFilter, matches, shown_status, sort_key
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Owner, Task, TaskSpec

NOW_US = 1_000
SEEN = Seen(NOW_US)
TASK = Task(
    spec=TaskSpec(
        handler="echo", id="a", labels={"k": "v", "l": "w"}, correlation_id="c", priority=3, queue="q"
    ),
    sequence=5,
    status=TaskStatus.QUEUED,
    queue="q",
    priority=3,
    create_us=100,
    due_us=200,
    principal="ann",
    session_id="s",
    owner=Owner("node", 7),
)


@dataclass(frozen=True)
class Case:
    """One field of a filter with a value that lets the task pass and one that does not."""

    field: str
    passes: Any
    stops: Any


CASES = [
    Case("ids", frozenset({"a", "b"}), frozenset({"b"})),
    Case("handlers", frozenset({"echo", "sleep"}), frozenset({"sleep"})),
    Case("queues", frozenset({"q"}), frozenset({"default"})),
    Case("statuses", frozenset({TaskStatus.QUEUED}), frozenset({TaskStatus.RUNNING})),
    Case("labels", {"k": "v"}, {"k": "v", "l": "v"}),
    Case("correlation_id", "c", "C"),
    Case("created_after_us", 100, 101),
    Case("created_before_us", 101, 100),
    Case("session_id", "s", "t"),
    Case("principal", "ann", ""),
    Case("max_sequence", 5, 4),
    Case("owner_epoch", 7, 8),
]


def test_every_field_of_a_filter_has_a_case() -> None:
    fields = {field.name for field in msgspec.structs.fields(TaskFilter)}

    assert {case.field for case in CASES} == fields - {"adopted"}


def test_a_session_also_has_the_tasks_that_it_adopted() -> None:
    assert matches(TaskFilter(session_id="t", adopted=frozenset({"a"})), TASK, SEEN)
    assert not matches(TaskFilter(session_id="t", adopted=frozenset({"b"})), TASK, SEEN)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.field)
def test_each_field_alone_decides(case: Case) -> None:
    assert matches(TaskFilter(**{case.field: case.passes}), TASK, SEEN)
    assert not matches(TaskFilter(**{case.field: case.stops}), TASK, SEEN)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.field)
def test_fields_are_anded(case: Case) -> None:
    passing = {other.field: other.passes for other in CASES}

    assert matches(TaskFilter(**passing), TASK, SEEN)
    assert not matches(TaskFilter(**{**passing, case.field: case.stops}), TASK, SEEN)


def test_an_empty_filter_matches_every_task() -> None:
    assert matches(EVERYTHING, TASK, SEEN)
    assert matches(TaskFilter(), TASK, SEEN)


@pytest.mark.parametrize(
    ("status", "due_us", "limited", "expected"),
    [
        pytest.param(TaskStatus.QUEUED, 0, {"a"}, TaskStatus.RATE_LIMITED, id="queued head"),
        pytest.param(TaskStatus.QUEUED, 0, {"b"}, TaskStatus.QUEUED, id="behind the head"),
        pytest.param(TaskStatus.SCHEDULED, NOW_US, {"a"}, TaskStatus.RATE_LIMITED, id="due by now"),
        pytest.param(TaskStatus.SCHEDULED, NOW_US + 1, {"a"}, TaskStatus.SCHEDULED, id="not due"),
        pytest.param(TaskStatus.RUNNING, 0, {"a"}, TaskStatus.RUNNING, id="started meanwhile"),
    ],
)
def test_only_a_due_queued_head_is_shown_as_rate_limited(
    status: TaskStatus, due_us: int, limited: set[str], expected: TaskStatus
) -> None:
    task = msgspec.structs.replace(TASK, status=status, due_us=due_us)

    assert shown_status(task, Seen(NOW_US, frozenset(limited))) is expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [(Order.CREATE_TIME, (5, 0)), (Order.DUE_TIME, (200, 5)), (Order.PRIORITY, (3, 5))],
    ids=lambda value: getattr(value, "name", ""),
)
def test_listings_break_ties_by_the_order_of_acceptance(order: Order, expected: tuple[int, int]) -> None:
    assert sort_key(order, TASK) == expected
