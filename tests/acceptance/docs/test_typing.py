"""The Python of the pages is strictly typed, so that whoever starts from it stays so."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.architecture.docs import pages

_PATIENCE_S = 120.0

#: testing.md is one suite, which its own test checks.
_PAGES = [
    page
    for page in (pages.README, pages.CLIENT, *sorted(pages.DOCS.glob("*.md")))
    if pages.blocks(page, "python") and page.name != "testing.md"
]


@pytest.mark.timeout(150)
@pytest.mark.parametrize("page", _PAGES, ids=pages.name_of)
def test_the_python_of_a_page_is_strictly_typed(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(pages.blocks(page, "python")):
        title = re.match(r"# (\w+\.py)\n", block)
        (tmp_path / (title[1] if title else f"block_{number}.py")).write_text(block)
    cache = pages.ROOT / ".mypy_cache" / "pages"

    ended = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict"),
            *("--cache-dir", str(cache), "--config-file", os.devnull, "."),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=_PATIENCE_S,
    )

    assert ended.stdout.startswith("Success"), ended.stdout + ended.stderr
