"""The program on the page about clients does what it says, against a real server."""

import re
import runpy
from pathlib import Path

import pytest
from tests.acceptance.conftest import Serve
from tests.architecture.docs import pages


def test_the_program_of_the_page_about_clients_runs(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program, _ = pages.blocks(pages.DOCS / "clients.md", "python")
    (tmp_path / "calling.py").write_text(program.replace("127.0.0.1:50051", serve().address))

    runpy.run_path(str(tmp_path / "calling.py"), run_name="__main__")

    assert capsys.readouterr().out.splitlines() == [
        "words: 10",
        "result: {'hello': 'world'} True",
        "session: [0, 1, 2]",
        "failed: NO_PAPER",
    ]


def test_what_the_page_says_of_options_and_of_what_comes_back_is_so(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, program = pages.blocks(pages.DOCS / "clients.md", "python")
    (tmp_path / "telling.py").write_text(program.replace("127.0.0.1:50051", serve().address))

    runpy.run_path(str(tmp_path / "telling.py"), run_name="__main__")

    said = re.findall(r"print\(.*\)  # (.*)", program)
    assert capsys.readouterr().out.splitlines() == [line for line in said if not line.startswith("with ")]
