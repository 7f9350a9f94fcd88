"""Contexts for handlers that a test calls itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from millhand.kit import TaskContext, TaskInfo


class RecordingReporter:
    """Keeps what a handler reports."""

    def __init__(self) -> None:
        self.progress_reports: list[tuple[float, str]] = []
        self.heartbeats: list[object] = []
        self.on_progress: Callable[[], None] = lambda: None

    def progress(self, fraction: float, message: str) -> None:
        self.progress_reports.append((fraction, message))
        self.on_progress()

    def heartbeat(self, details: object) -> None:
        self.heartbeats.append(details)


@pytest.fixture
def reporter() -> RecordingReporter:
    return RecordingReporter()


@pytest.fixture
def make_context(reporter: RecordingReporter) -> Callable[..., TaskContext]:
    def make(**facts: Any) -> TaskContext:
        known: dict[str, Any] = {"id": "t1", "attempt": 1, "handler": "test", "labels": {}}
        return TaskContext(TaskInfo(**(known | facts)), reporter)

    return make


@pytest.fixture
def context(make_context: Callable[..., TaskContext]) -> TaskContext:
    return make_context()
