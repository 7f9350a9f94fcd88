"""Contexts for handlers that a test calls itself, as fixtures."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from millhand.kit import TaskContext
from millhand_server.testing import contexts
from millhand_server.testing.contexts import RecordingReporter


@pytest.fixture
def reporter() -> RecordingReporter:
    return RecordingReporter()


@pytest.fixture
def make_context(reporter: RecordingReporter) -> Callable[..., TaskContext]:
    return lambda **facts: contexts.context(reporter, **facts)


@pytest.fixture
def context(make_context: Callable[..., TaskContext]) -> TaskContext:
    return make_context()
