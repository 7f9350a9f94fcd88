"""Cases that are known to fail in a language, each with its reason. One that passes is a failure, too."""

from __future__ import annotations

#: By language and case.
_KNOWN: dict[tuple[str, str], str] = {}


def known_failure(language: str, case: str) -> str | None:
    """Returns why a case is known to fail; None if it has to pass."""
    return _KNOWN.get((language, case))
