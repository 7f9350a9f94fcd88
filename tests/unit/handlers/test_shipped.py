"""The collection that a server loads by default."""

import subprocess
import sys
from pathlib import Path

import pytest

from millhand.kit import Failed, TaskContext
from millhand_server.handlers import handlers, make_handlers
from millhand_server.handlers.files import FilesRoot


def test_the_shipped_handlers_are_those_of_the_contract() -> None:
    assert handlers.names()[:5] == ("echo", "sleep", "fail", "word_count", "checksum")


@pytest.mark.parametrize("name", handlers.names())
def test_every_handler_has_a_description_and_an_example_that_runs(
    name: str, context: TaskContext, tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text("# Millhand\n")
    handler = make_handlers(FilesRoot(tmp_path))[name]

    assert handler.description.endswith(".")
    if name == "fail":
        with pytest.raises(Failed, match="NOT_READY"):
            handler.call(handler.example, context)
    else:
        assert handler.call(handler.example, context) is not None


def test_thumbnail_is_missing_where_pillow_is() -> None:
    probe = (
        "import sys; sys.modules['PIL'] = None;"
        "from millhand_server.handlers import handlers; print(*handlers.names())"
    )

    run = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=30, check=True
    )

    assert run.stdout.split() == ["echo", "sleep", "fail", "word_count", "checksum"]


def test_the_shipped_handlers_need_no_engine_and_no_grpc() -> None:
    probe = (
        "import sys; from millhand_server.handlers import handlers, faults;"
        "heavy = ('grpc', 'google', 'millhand_server.engine', 'millhand_server.core');"
        "print([name for name in heavy if name in sys.modules])"
    )

    run = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=30, check=True
    )

    assert run.stdout.strip() == "[]"
