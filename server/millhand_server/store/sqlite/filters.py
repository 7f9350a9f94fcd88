"""Filters as SQL. What a caller sends is bound, never written into a statement: that is made of constants."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from millhand_server.core.query import Order, Seen, TaskFilter
from millhand_server.store.sqlite.writer import as_json


class Condition(NamedTuple):
    """What a filter is in SQL: more conditions for a statement, their parameters, and the tables they need.

    `is_whole` is False when rows that pass must still be looked at: no statement knows labels.
    """

    sql: str
    parameters: dict[str, Any]
    tables: str
    shown: str
    is_whole: bool

    def into(self, statement: str, part: str = "") -> str:
        """Returns the statement with this condition, and a part of the rows, in their places."""
        return (
            statement.replace("{filter}", self.sql)
            .replace("{part}", part)
            .replace("{tables}", self.tables)
            .replace("{shown}", self.shown)
        )


def condition(wanted: TaskFilter, seen: Seen) -> Condition:
    """Returns a filter's meaning, which `query.matches` defines."""
    given = {name: value for name, value in _values(wanted) if value is not None}
    parameters: dict[str, Any] = {
        name: as_json(list(value)) if isinstance(value, frozenset) else value for name, value in given.items()
    }
    shown = _SHOWN
    if seen.limited:
        shown = _SHOWN_LIMITED
        parameters["limited"] = as_json(list(seen.limited))
    parameters["now_us"] = seen.now_us
    conditions = [_CONDITIONS[name].replace("{shown}", shown) for name in given if name in _CONDITIONS]
    needs_both = any("specification." in text for text in conditions)
    return Condition(
        sql="".join(f" AND {text}" for text in conditions),
        parameters=parameters,
        tables=_BOTH if needs_both else "task",
        shown=shown,
        is_whole=not wanted.labels,
    )


def key_of(order: Order) -> str:
    """Returns the first half of a listing's sort key; the second one is the sequence."""
    return _KEYS[order]


def order_by(order: Order, *, descending: bool) -> str:
    """Returns the terms of ORDER BY."""
    direction = "DESC" if descending else "ASC"
    return f"{_KEYS[order]} {direction}, task.sequence {direction}"


def beyond(order: Order, *, descending: bool) -> str:
    """Returns the condition for a row that follows a key (:key, :key_sequence)."""
    return f" AND ({_KEYS[order]}, task.sequence) {'<' if descending else '>'} (:key, :key_sequence)"


def _values(wanted: TaskFilter) -> list[tuple[str, Any]]:
    """Returns what is asked for by name; None where nothing is."""
    return [
        ("ids", wanted.ids or None),
        ("handlers", wanted.handlers or None),
        ("queues", wanted.queues or None),
        ("statuses", _numbers(wanted.statuses) or None),
        ("correlation_id", wanted.correlation_id or None),
        ("session_id", wanted.session_id or None),
        ("adopted", wanted.adopted if wanted.session_id else None),
        ("principal", wanted.principal),
        ("owner_epoch", wanted.owner_epoch),
        ("created_after_us", wanted.created_after_us),
        ("created_before_us", wanted.created_before_us),
        ("max_sequence", wanted.max_sequence),
    ]


def _numbers(statuses: Collection[int]) -> frozenset[int]:
    return frozenset(int(status) for status in statuses)


_CONDITIONS = {
    "ids": "task.id IN (SELECT value FROM json_each(:ids))",
    "handlers": "task.handler IN (SELECT value FROM json_each(:handlers))",
    "queues": "task.queue IN (SELECT value FROM json_each(:queues))",
    "statuses": "{shown} IN (SELECT value FROM json_each(:statuses))",
    "correlation_id": "specification.correlation_id = :correlation_id",
    "session_id": (
        "(specification.session_id = :session_id OR task.id IN (SELECT value FROM json_each(:adopted)))"
    ),
    "principal": "specification.principal = :principal",
    "owner_epoch": "task.owner_epoch = :owner_epoch",
    "created_after_us": "task.create_us >= :created_after_us",
    "created_before_us": "task.create_us < :created_before_us",
    "max_sequence": "task.sequence <= :max_sequence",
}

_BOTH = "task CROSS JOIN specification USING (sequence)"

#: As `status.shown` derives it from the stored status and the time; 5 is QUEUED, 2 RATE_LIMITED.
_SHOWN = "(CASE WHEN task.status IN (9, 10) AND task.due_us <= :now_us THEN 5 ELSE task.status END)"
_SHOWN_LIMITED = (
    f"(CASE WHEN {_SHOWN} = 5 AND task.id IN (SELECT value FROM json_each(:limited))"  # noqa: S608
    f" THEN 2 ELSE {_SHOWN} END)"
)

_KEYS = {Order.CREATE_TIME: "task.sequence", Order.DUE_TIME: "task.due_us", Order.PRIORITY: "task.priority"}
