"""The page about clients has every option of theirs, and the other way round."""

import pytest
from tests.architecture.docs import pages

from millhand import ExecuteOptions, FilterOptions, ReadOptions, TaskOptions, WaitOptions

PAGE = pages.DOCS / "clients.md"

#: Parameters of their own, beside the options.
_OF_RESULTS = {"include_progress", "on_gap"}


def test_every_option_is_listed_and_no_other() -> None:
    listed = [
        name
        for row in pages.rows(pages.section(PAGE, "Options"))
        if row[0] != "option"
        for name in pages.spans(row[0])
    ]

    options = (TaskOptions, ExecuteOptions, WaitOptions, FilterOptions, ReadOptions)
    known = set().union(*(kind.__annotations__ for kind in options)) | _OF_RESULTS
    assert set(listed) == known
    # `labels` and the correlation id are a task's, and a filter's, too.
    assert sorted(name for name in known if listed.count(name) > 1) == ["correlation_id", "labels"]


@pytest.mark.parametrize("command", ["exec", "register"])
def test_what_the_command_line_can_say_of_a_task_the_page_has(command: str) -> None:
    import click

    from millhand_server.cli.program import main

    found = main.get_command(click.Context(main), command)
    assert found is not None
    of_a_task = {option.name for option in found.params} & TaskOptions.__annotations__.keys()

    text = pages.section(PAGE, "Options")
    assert [name for name in sorted(of_a_task) if f"`{name}`" not in text] == []
