"""Reads the documentation: its pages, and their blocks, tables, links and names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
CLIENT = ROOT / "clients" / "python" / "README.md"

#: Every page that somebody may read, by its path.
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")


def name_of(page: Path) -> str:
    """Returns a page's path as a reader of the repository knows it."""
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    """Returns the contents of a page's fenced blocks of one language, in order."""
    return [body for found, body in _FENCE.findall(page.read_text()) if found == language]


def fences(page: Path) -> list[tuple[str, str]]:
    """Returns a page's fenced blocks in order, each as its language and its contents."""
    return _FENCE.findall(page.read_text())


def links(page: Path) -> list[str]:
    """Returns the targets of a page's links, but for those in fenced blocks."""
    return _LINK.findall(_prose(page))


def spans(text: str) -> list[str]:
    """Returns what a text sets as code."""
    return _SPAN.findall(text)


def names(page: Path) -> list[str]:
    """Returns what a page sets as code outside of fenced blocks."""
    return spans(_prose(page))


def section(page: Path, heading: str) -> str:
    """Returns what stands below a heading, up to the next one of any level.

    Raises:
        LookupError: the page has no such heading.
    """
    lines = iter(_prose(page).splitlines())
    for line in lines:
        if re.fullmatch(rf"#+ {re.escape(heading)}", line):
            return "\n".join(_until_heading(lines))
    raise LookupError(f"{name_of(page)} has no heading {heading!r}")


def rows(text: str) -> list[list[str]]:
    """Returns the cells of the rows of all tables in a text, without those that head them."""
    found = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line.startswith("|") and not _is_rule(line) and not _is_rule(following):
            found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def anchors(page: Path) -> set[str]:
    """Returns the fragments that links into a page may have, as GitHub makes them of its headings."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text())


def _until_heading(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("#"):
            return
        yield line


def _is_rule(line: str) -> bool:
    return re.fullmatch(r"[|\-: ]+", line) is not None and "-" in line
