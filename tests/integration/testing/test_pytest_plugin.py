"""The plugin for pytest, in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_PATIENCE_S = 50.0

_CONFTEST = """
import pytest
from millhand import Handlers, handler

pytest_plugins = ["millhand_server.testing.pytest_plugin"]

@handler("double")
def double(request: int) -> int:
    return 2 * request

@pytest.fixture
def millhand_handlers():
    return Handlers(double)
"""

_MARKER = ("-o", "markers=asyncio: runs on a loop")
_ASYNCIO = ("-o", "asyncio_default_fixture_loop_scope=function")

_TESTS = """
import pytest
from conftest import double

def test_one_handler(handler_test):
    assert handler_test(double).run(21).result == 42

def test_a_server(millhand_server):
    assert millhand_server.client.execute("double", 21) == 42

@pytest.mark.asyncio
async def test_a_manager(millhand_manager):
    await millhand_manager.register("double", 21, delay=3600)
    await millhand_manager.advance(3600)
    assert await millhand_manager.result("task-1") == 42

@pytest.mark.asyncio
async def test_a_server_beside_a_manager(millhand_server, millhand_manager):
    assert millhand_server.address
"""


def run(folder: Path, *arguments: str, conftest: str = _CONFTEST) -> str:
    """Runs pytest on the tests above, and returns what it printed."""
    (folder / "conftest.py").write_text(conftest)
    (folder / "test_mine.py").write_text(_TESTS)
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "--rootdir", str(folder), *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=_PATIENCE_S,
    )
    return ended.stdout + ended.stderr


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_the_fixtures_serve_tests_of_both_kinds(tmp_path: Path, mode: str) -> None:
    printed = run(tmp_path, *_ASYNCIO, "--asyncio-mode", mode)

    assert "4 passed" in printed, printed


def test_the_manager_is_left_out_where_there_is_no_asyncio_plugin(tmp_path: Path) -> None:
    hidden = "import sys\nsys.modules['pytest_asyncio'] = None\n" + _CONFTEST

    printed = run(
        tmp_path, *_MARKER, "-p", "no:asyncio", "-k", "one_handler or test_a_server", conftest=hidden
    )

    assert "2 passed" in printed, printed


def test_handlers_that_nobody_gave_are_asked_for(tmp_path: Path) -> None:
    without = _CONFTEST.partition("@pytest.fixture")[0]

    printed = run(tmp_path, *_ASYNCIO, "-k", "test_a_server", conftest=without)

    assert "define a fixture millhand_handlers that returns your Handlers" in printed


@pytest.mark.parametrize("module", ["millhand_server.testing", "millhand_server.testing.serving"])
def test_the_kit_does_not_import_pytest(module: str) -> None:
    program = f"import sys, {module}; print([name for name in sys.modules if 'pytest' in name])"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert ended.stdout == "[]\n", ended.stderr
