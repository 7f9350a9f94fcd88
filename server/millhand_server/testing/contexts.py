"""A context for a handler that a test calls itself, as the plain function that it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypedDict, Unpack

from millhand.kit import Reporter, TaskContext, TaskInfo


class ContextFacts(TypedDict, total=False):
    """What a context tells of its attempt; the fields of `millhand.kit.TaskInfo`."""

    id: str
    attempt: int
    handler: str
    labels: Mapping[str, str]
    correlation_id: str
    traceparent: str
    deadline: datetime | None
    last_heartbeat: object


class RecordingReporter:
    """Keeps what a handler reports, as it reports it: nothing is encoded, nothing is held back."""

    def __init__(self) -> None:
        #: (fraction, message), in order.
        self.progress_reports: list[tuple[float, str]] = []
        self.heartbeats: list[object] = []
        #: Called after each report of progress, in the handler's thread: a place to cancel from.
        self.on_progress: Callable[[], None] = lambda: None

    def progress(self, fraction: float, message: str) -> None:
        self.progress_reports.append((fraction, message))
        self.on_progress()

    def heartbeat(self, details: object) -> None:
        self.heartbeats.append(details)


def context(reporter: Reporter | None = None, **facts: Unpack[ContextFacts]) -> TaskContext:
    """Returns the context of a first attempt of a task `t1`, unless the facts say otherwise.

    Signal it with its own `signal` and `signal_shutdown`. What only executors do does not happen: exceptions
    come out as they are, and an async handler is not cancelled. `HandlerTest` does all of it.
    """
    known: ContextFacts = {"id": "t1", "attempt": 1, "handler": "test", "labels": {}}
    return TaskContext(TaskInfo(**(known | facts)), reporter or RecordingReporter())
