"""Fixtures for pytest, for those who ask: `pytest_plugins = ["millhand_server.testing.pytest_plugin"]`.

Nothing else in this package imports pytest. `millhand_manager` is there if pytest-asyncio is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from millhand.kit import Handlers
from millhand_server.testing.handler import HandlerTest
from millhand_server.testing.managing import ManagerBench, manager
from millhand_server.testing.serving import Server, serve


@pytest.fixture
def millhand_handlers() -> Handlers:
    """The handlers that the other fixtures run. Override it with your own."""
    pytest.fail("define a fixture millhand_handlers that returns your Handlers, in conftest.py for instance")


@pytest.fixture
def handler_test() -> Callable[[Callable[..., Any]], HandlerTest]:
    """Makes a `HandlerTest` of a decorated function."""
    return HandlerTest


@pytest.fixture
def millhand_server(millhand_handlers: Handlers) -> Iterator[Server]:
    """A server in a thread of its own, for tests of either kind: `.address`, and a sync `.client`."""
    with serve(millhand_handlers) as server:
        yield server


if find_spec("pytest_asyncio") is not None:
    import pytest_asyncio

    @pytest_asyncio.fixture
    async def millhand_manager(millhand_handlers: Handlers) -> AsyncIterator[ManagerBench]:
        """A manager on a fake clock, for async tests; `millhand_server.testing.manager` with its defaults."""
        async with manager(millhand_handlers) as bench:
            yield bench
