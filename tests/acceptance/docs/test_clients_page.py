"""The program on the page about clients does what it says, against a real server."""

import runpy
from pathlib import Path

import pytest
from tests.acceptance.conftest import Serve
from tests.architecture.docs import pages


def test_the_program_of_the_page_about_clients_runs(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [program] = pages.blocks(pages.DOCS / "clients.md", "python")
    (tmp_path / "calling.py").write_text(program.replace("127.0.0.1:50051", serve().address))

    runpy.run_path(str(tmp_path / "calling.py"), run_name="__main__")

    assert capsys.readouterr().out.splitlines() == [
        "words: 10",
        "result: {'hello': 'world'} True",
        "session: [0, 1, 2]",
        "failed: NO_PAPER",
    ]
