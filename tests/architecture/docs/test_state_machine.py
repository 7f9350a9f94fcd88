"""The published state machine is the one in the code."""

import re

from tests.architecture.docs import pages

from millhand_server.core.status import DERIVED, FINAL, TRANSITIONS, TaskStatus

PAGE = pages.DOCS / "state-machine.md"

_EDGE = re.compile(r"^\s*(\[\*\]|\w+) --> (\[\*\]|\w+)(?:: (.*))?$", re.MULTILINE)


def test_the_picture_has_the_changes_of_the_table_and_no_others() -> None:
    drawn = {(a, b) for a, b, _ in _edges() if "[*]" not in (a, b)}

    table = {(status.name, after.name) for status, afters in TRANSITIONS.items() for after in afters}
    assert drawn == table


def test_the_picture_says_which_changes_are_derived() -> None:
    derived = {(a, b) for a, b, why in _edges() if why.startswith("derived")}

    assert derived == {(before.name, after.name) for before, after in DERIVED}


def test_the_picture_ends_in_the_final_statuses() -> None:
    assert {a for a, b, _ in _edges() if b == "[*]"} == {status.name for status in FINAL}


def test_the_picture_begins_where_a_registered_task_does() -> None:
    assert {b for a, b, _ in _edges() if a == "[*]"} == {"SCHEDULED", "QUEUED"}


def test_no_change_is_drawn_twice() -> None:
    drawn = [(a, b) for a, b, _ in _edges()]

    assert len(drawn) == len(set(drawn))


def test_the_table_of_statuses_has_their_numbers() -> None:
    listed = {row[0].strip("`"): int(row[1]) for row in pages.rows(PAGE.read_text())}

    assert listed == {status.name: status.value for status in TaskStatus}


def _edges() -> list[tuple[str, str, str]]:
    [diagram] = pages.blocks(PAGE, "mermaid")
    return _EDGE.findall(diagram)
