"""Which tasks are meant, turned into a TaskFilter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypedDict, Unpack

from millhand.enums import TaskStatus
from millhand.errors import InvalidArgument
from millhand.protocol import times
from millhand.v1 import task_pb2


class FilterOptions(TypedDict, total=False):
    """Fields are ANDed, the values within one ORed, labels must all match. Nothing given means every task."""

    ids: Iterable[str]
    handlers: Iterable[str]
    queues: Iterable[str]
    statuses: Iterable[TaskStatus]
    labels: Mapping[str, str]
    correlation_id: str
    #: Inclusive.
    created_after: datetime
    #: Exclusive.
    created_before: datetime


def task_filter(**options: Unpack[FilterOptions]) -> task_pb2.TaskFilter:
    """The filter on the wire.

    Raises:
        TypeError: For a field that does not exist.
        InvalidArgument: For a field that is given and empty. On the wire that is no condition at all, and a
            caller whose list came out empty would cancel everybody's tasks.
    """
    chosen = task_pb2.TaskFilter()
    given: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    if unknown := given.keys() - FilterOptions.__annotations__.keys():
        raise TypeError(f"a filter has no field {', '.join(sorted(unknown))}")
    for field, value in given.items():
        _set(chosen, field, value)
        if field not in ("created_after", "created_before") and not getattr(chosen, field):
            raise times.invalid(field, "is empty, which would match every task: leave it out to mean that")
    return chosen


def _set(chosen: task_pb2.TaskFilter, field: str, value: Any) -> None:
    if isinstance(value, str) and field != "correlation_id":
        raise times.invalid(field, f"is one string, {value!r}: give a list")
    try:
        if field in ("created_after", "created_before"):
            getattr(chosen, field).CopyFrom(times.timestamp(value, field))
        elif field == "correlation_id":
            chosen.correlation_id = value
        elif field == "labels":
            chosen.labels.update(value)
        else:
            getattr(chosen, field).extend(value)
    except InvalidArgument:
        raise
    except (TypeError, ValueError):
        raise times.invalid(field, f"{value!r} is not what a filter's {field} can be") from None
