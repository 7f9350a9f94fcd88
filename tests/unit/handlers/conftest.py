"""A context for tests, with a reporter that remembers what it was told."""

from collections.abc import Callable

import pytest

from millhand.kit import TaskContext, TaskInfo


class RecordingReporter:
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
    def make(**facts: object) -> TaskContext:
        return TaskContext(
            TaskInfo(**{"id": "t1", "attempt": 1, "handler": "test", "labels": {}, **facts}), reporter
        )

    return make


@pytest.fixture
def context(make_context: Callable[..., TaskContext]) -> TaskContext:
    return make_context()
