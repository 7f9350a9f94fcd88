from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from millhand_server.cli.program import main
from millhand_server.store.sqlite.migrating import LATEST, MIGRATIONS

FIRST_VERSION = Path(__file__).parents[2] / "data" / "sqlite" / "tasks-0001.db"
STEPS = [f"{step.version:04} {step.name}" for step in MIGRATIONS]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tasks.db"


def migrate(path: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["migrate", "--store", f"sqlite:///{path}", *options])


def test_a_check_tells_what_is_to_do_and_does_nothing(path: Path) -> None:
    result = migrate(path, "--check")

    assert (result.exit_code, path.exists()) == (1, False)
    assert result.output == f"{path}, at schema 0, lacks {', '.join(STEPS)}\n"


def test_a_database_is_brought_up_to_date_once(path: Path) -> None:
    first, again, check = migrate(path), migrate(path), migrate(path, "--check")

    assert (first.exit_code, again.exit_code, check.exit_code) == (0, 0, 0)
    assert first.output == f"{path}, at schema 0, got {', '.join(STEPS)}\n"
    assert again.output == check.output == f"{path} has schema {LATEST}: nothing to do\n"


def test_programs_get_one_object(path: Path) -> None:
    check, done = migrate(path, "--check", "-o", "json"), migrate(path, "-o", "json")

    assert json.loads(check.output) == {"path": str(path), "version": 0, "pending": STEPS}
    assert json.loads(done.output) == {"path": str(path), "version": 0, "applied": STEPS}


def test_a_file_of_the_first_version_is_brought_up_to_date(path: Path) -> None:
    path.write_bytes(FIRST_VERSION.read_bytes())

    result = migrate(path)

    assert result.exit_code == 0
    assert migrate(path, "--check").exit_code == 0


@pytest.mark.parametrize("options", [["--check"], []], ids=["check", "migrate"])
def test_what_cannot_be_migrated_is_said_in_a_sentence(path: Path, options: list[str]) -> None:
    path.write_bytes(b"x" * 4096)

    result = migrate(path, *options)

    assert result.exit_code == 1
    assert result.output == f"Error: {path} is not an SQLite database; name another file\n"


def test_a_memory_store_has_no_schema() -> None:
    result = CliRunner().invoke(main, ["migrate", "--store", "memory:"])

    assert result.exit_code == 1
    assert "has no schema" in result.output
