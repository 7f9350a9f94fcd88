"""The documentation as a whole: what it links to and names is there."""

import re
from pathlib import Path

import pytest
from tests.architecture.docs import pages

_OUR_FOLDERS = ("server/", "clients/", "tests/", "protos/", "docs/", "scripts/")

every_page = pytest.mark.parametrize("page", pages.PAGES, ids=pages.name_of)


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [
        link for link in pages.links(page) if not link.startswith("https://") and not _resolves(page, link)
    ]

    assert broken == []


@every_page
def test_every_file_and_test_that_a_page_names_exists(page: Path) -> None:
    named = [name for name in pages.names(page) if name.startswith(_OUR_FOLDERS)]

    assert [name for name in named if not _exists(name)] == []


def test_the_walk_names_a_file_at_every_step() -> None:
    text = (pages.DOCS / "walk.md").read_text()
    steps = re.split(r"^\d+\. ", text.partition("## In")[2].partition("## Beside")[0], flags=re.MULTILINE)[1:]

    without = [step for step in steps if not any(name.startswith(_OUR_FOLDERS) for name in pages.spans(step))]

    assert len(steps) >= 15
    assert [step for step in without if "gRPC's flow control" not in step] == []


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert len(pages.README.read_text().splitlines()) <= 150


def test_the_readme_leads_to_every_page() -> None:
    linked = {pages.README.parent / link.partition("#")[0] for link in pages.links(pages.README)}

    assert [pages.name_of(page) for page in pages.PAGES if page not in {*linked, pages.README}] == []


def test_the_changelog_says_what_is_not_released_yet() -> None:
    changelog = pages.ROOT / "CHANGELOG.md"

    assert "[Unreleased]" in changelog.read_text()
    assert pages.section(changelog, "Added").strip().startswith("- ")


def test_the_glossary_is_in_order_and_has_the_words_of_the_code() -> None:
    words = [row[0] for row in pages.rows((pages.DOCS / "glossary.md").read_text())]

    assert words == sorted(words)
    assert {
        "attempt",
        "claim",
        "cursor",
        "event",
        "handler",
        "lane",
        "lease",
        "node",
        "outcome",
        "queue",
        "result",
        "task",
        "transition",
        "worker",
    } <= set(words)


def _resolves(page: Path, link: str) -> bool:
    path, _, fragment = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not fragment or fragment in pages.anchors(target))


def _exists(name: str) -> bool:
    path, _, test = name.partition("::")
    file = pages.ROOT / path
    return file.exists() and (
        not test or re.search(rf"^(async )?def {test}\(", file.read_text(), re.M) is not None
    )
