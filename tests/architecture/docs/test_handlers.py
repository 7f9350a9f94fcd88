"""The page about handlers is about those we ship and about the kit."""

import inspect

from tests.architecture.docs import pages

import millhand
from millhand import kit
from millhand.kit import HandlerOptions, TaskContext
from millhand_server.handlers import faults, handlers

PAGE = pages.DOCS / "handlers.md"


def test_the_handlers_shipped_are_listed_and_no_others() -> None:
    listed = [row[0].strip("`") for row in pages.rows(pages.section(PAGE, "Those we ship"))]

    assert sorted(listed) == sorted({*handlers.names(), *faults.handlers.names(), "thumbnail"})


def test_every_option_of_a_handler_is_listed() -> None:
    listed = [name for row in pages.rows(pages.section(PAGE, "Options")) for name in pages.spans(row[0])]

    assert sorted(listed) == sorted(HandlerOptions.__annotations__)


def test_what_the_page_says_of_the_context_it_has() -> None:
    said = [name for name in pages.names(PAGE) if name.startswith("task.")]

    names = {name.removeprefix("task.").partition("(")[0] for name in said}
    assert [name for name in names if not hasattr(TaskContext, name)] == []


def test_every_public_name_of_the_context_is_on_the_page() -> None:
    for_executors = {"shielded", "signal", "signal_shutdown", "when_unshielded"}
    public = {name for name, _ in inspect.getmembers(TaskContext) if not name.startswith("_")}

    text = PAGE.read_text()
    assert [name for name in sorted(public - for_executors) if name not in text] == []


def test_the_kit_has_the_names_that_the_page_imports() -> None:
    said = PAGE.read_text().partition("from millhand import ")[2].partition("`")[0].replace("\n", " ")

    assert [name for name in said.split(", ") if not hasattr(millhand, name.strip())] == []
    assert hasattr(kit, "Failed")
