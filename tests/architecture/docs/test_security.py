"""The page about security tells who may do what, and the table of scopes says the same."""

from fnmatch import fnmatchcase

import pytest
from tests.architecture.docs import pages

from millhand_server.rpc.scopes import SCOPES, Scope

_PAGE = pages.DOCS / "security.md"
_WITHOUT_TOKEN = "none"


@pytest.mark.parametrize("path", SCOPES)
def test_a_method_needs_the_scope_that_the_page_says(path: str) -> None:
    _, service, method = path.split("/")
    name = method if service == "millhand.v1.TaskService" else service

    listed = [
        scope
        for scope, patterns in _listed().items()
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    ]

    assert listed == [SCOPES[path]]


def test_the_page_lists_every_scope_from_the_narrowest_to_the_widest() -> None:
    assert list(_listed()) == list(Scope)


def _listed() -> dict[Scope, list[str]]:
    rows = [row for row in pages.rows(pages.section(_PAGE, "Tokens")) if row[0].upper() in _names()]
    return {_names()[row[0].upper()]: pages.spans(row[1]) for row in rows}


def _names() -> dict[str, Scope]:
    return {**Scope.__members__, _WITHOUT_TOKEN.upper(): Scope.OPEN}
