"""What an executor gives a TaskContext: the facts of the attempt, and where reports go."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """The facts of one attempt, fixed when it starts."""

    id: str
    attempt: int
    """1 for the first attempt."""
    handler: str
    labels: Mapping[str, str]
    correlation_id: str = ""
    traceparent: str = ""
    """W3C trace context of the registering call; empty when it sent none."""
    deadline: datetime | None = None
    """When this attempt is timed out, with a time zone; None when nothing limits it."""
    last_heartbeat: object = None
    """What an earlier attempt last gave to `heartbeat`, decoded; None when there is nothing."""


class Reporter(Protocol):
    """Where a context sends what the handler reports. Implementations take calls from any thread."""

    def progress(self, fraction: float, message: str) -> None: ...

    def heartbeat(self, details: object) -> None: ...
