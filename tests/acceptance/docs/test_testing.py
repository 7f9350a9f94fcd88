"""The page about testing: its files, put beside each other, are a suite that passes and is typed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.architecture.docs import pages

_PAGE = pages.DOCS / "testing.md"
_PATIENCE_S = 120.0


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A folder with the files of the page; blocks of the same file follow each other in it."""
    for block in pages.blocks(_PAGE, "python"):
        title, _, body = block.partition("\n")
        with (tmp_path / title.removeprefix("# ")).open("a") as file:
            file.write(f"{body}\n\n")
    [settings] = pages.blocks(_PAGE, "toml")
    (tmp_path / "pyproject.toml").write_text(settings)
    return tmp_path


def test_the_tests_of_the_page_pass(suite: Path) -> None:
    written = sum(block.count("def test_") for block in pages.blocks(_PAGE, "python"))

    ended = _run(
        suite,
        *("pytest", "-q", "-W", "error", "--rootdir", str(suite)),
    )

    assert written > 10
    assert re.search(rf"^{written} passed in", ended.stdout, re.MULTILINE), ended.stdout


@pytest.mark.timeout(150)
def test_the_code_of_the_page_is_strictly_typed(suite: Path) -> None:
    cache = pages.ROOT / ".mypy_cache" / "page"

    ended = _run(
        suite,
        "mypy",
        "--strict",
        "--cache-dir",
        str(cache),
        "--config-file",
        os.devnull,
        ".",
    )

    assert ended.stdout.startswith("Success"), ended.stdout + ended.stderr


def test_the_fixtures_that_the_page_names_are_those_of_the_plugin() -> None:
    from millhand_server.testing import pytest_plugin

    named = [
        row[0].strip("`")
        for row in pages.rows(pages.section(_PAGE, "Fixtures for pytest"))
        if row[0] != "fixture"
    ]

    assert [name for name in named if not hasattr(pytest_plugin, name)] == []


def _run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, cwd=folder, timeout=_PATIENCE_S
    )
