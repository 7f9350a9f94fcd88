"""The page about the command line is about this program."""

import re

import click
import pytest
from tests.architecture.docs import pages

from millhand_server.cli import failures
from millhand_server.cli.program import main
from millhand_server.config.settings import SETTINGS
from millhand_server.config.values import duration_us

PAGE = pages.DOCS / "command-line.md"

#: Commands that call no server have a heading of their own.
_WITHOUT_SERVER = {"serve", "migrate", "token", "completion"}

_GROUPS = {"a task": "Options of a task", "a filter": "Options of a filter"}


def test_every_setting_of_a_server_is_listed() -> None:
    assert {row[0].strip("`") for row in _serve()} | _refused() == _options("serve")


def test_what_is_said_to_be_refused_is_what_no_code_honours() -> None:
    assert _refused() == {setting.flag for setting in SETTINGS.values() if setting.awaited}


@pytest.mark.parametrize("flag", [setting.flag for setting in SETTINGS.values() if not setting.awaited])
def test_a_setting_is_listed_with_its_metavar_and_default(flag: str) -> None:
    setting = SETTINGS[flag.removeprefix("--").replace("-", "_")]
    [(_, takes, _, unset)] = [row for row in _serve() if row[0] == f"`{flag}`"]

    assert takes == setting.metavar
    if isinstance(setting.default, bool) or not setting.default:
        assert setting.default in (None, (), False, 0.0)
    elif takes == "D":
        assert duration_us(unset) == setting.default
    else:
        assert unset == str(setting.default)


def test_every_client_command_is_listed() -> None:
    listed = [row[0].strip("`").split()[0] for row in _commands()]

    assert listed == [name for name in main.list_commands(click.Context(main)) if name not in _WITHOUT_SERVER]


@pytest.mark.parametrize("command", ["migrate", "token"])
def test_the_options_of_a_command_without_a_server_are_listed(command: str) -> None:
    listed = _flags(pages.section(PAGE, command))

    assert set(listed) == _options(command)


@pytest.mark.parametrize(
    "row", pages.rows(pages.section(PAGE, "Client commands")), ids=lambda row: row[0].strip("`")
)
def test_a_client_command_is_listed_with_all_its_options(row: list[str]) -> None:
    usage, _, own, groups = row
    shared = ["Options of every client command", *(_GROUPS[group] for group in groups.split(", ") if group)]

    listed = set(_flags(own)).union(*(_flags(pages.section(PAGE, heading)) for heading in shared))
    assert listed == _options(usage.strip("`").split()[0])


def test_exit_statuses_are_those_of_the_program() -> None:
    listed = {int(row[0].strip("`")): row[1] for row in pages.rows(pages.section(PAGE, "Exit status"))}

    assert listed == {
        0: "success",
        failures.ERROR: "error",
        click.UsageError.exit_code: "wrong usage",
        failures.NOT_FOUND: "not found",
        failures.TASK_FAILED: "the task failed",
        failures.TIMED_OUT: "timed out",
        failures.CANCELLED: "cancelled",
        failures.INTERRUPTED: "Ctrl-C",
    }


def _serve() -> list[list[str]]:
    return pages.rows(pages.section(PAGE, "serve"))


def _commands() -> list[list[str]]:
    return pages.rows(pages.section(PAGE, "Client commands"))


def _refused() -> set[str]:
    prose = pages.section(PAGE, "serve").partition("Known and refused")[2].partition("\n\n")[0]
    return set(_flags(prose))


def _flags(text: str) -> list[str]:
    return [name for name in pages.spans(text) if re.fullmatch(r"--?[a-z-]+", name)]


def _options(command: str) -> set[str]:
    found = main.get_command(click.Context(main), command)
    assert found is not None
    options = [parameter for parameter in found.params if isinstance(parameter, click.Option)]
    return {flag for option in options for flag in option.opts}
