"""Store URLs: `memory:` and `sqlite:///PATH?synchronous=NORMAL`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote

#: Where tasks are kept when nobody says: a file in the working directory.
DEFAULT_URL = "sqlite:///millhand.db"


@dataclass(frozen=True)
class StoreChoice:
    """Which store: `memory`, or `sqlite` with the path of its file and how sure a commit is."""

    kind: str = "memory"
    path: Path | None = None
    synchronous: str = "FULL"


_TO_COME = ("postgresql", "postgres")
_SYNCHRONOUS = ("FULL", "NORMAL")


def parse_store_url(url: str) -> StoreChoice:
    """Reads a URL. Three slashes begin a path from the working directory, four one from the root.

    Raises:
        ValueError: it names no store that there is; the text continues the name of the setting.
    """
    scheme, colon, rest = url.partition(":")
    if scheme in _TO_COME and colon:
        raise ValueError(f": {scheme} stores are not supported yet; there are sqlite:///PATH and memory:")
    if scheme == "memory" and colon:
        if rest:
            raise ValueError(f": memory: takes neither a path nor options, and {rest!r} would be ignored")
        return StoreChoice("memory")
    if scheme == "sqlite" and colon:
        return _sqlite(rest)
    raise ValueError(f"must be a store's URL, such as {DEFAULT_URL} or memory:, not {url!r}")


def _sqlite(rest: str) -> StoreChoice:
    location, _, query = rest.partition("?")
    path = unquote(location.removeprefix("///"))
    if not location.startswith("///") or path in ("", "/"):
        raise ValueError(f": sqlite needs a path, as in {DEFAULT_URL}, not {location!r}")
    if not path.isprintable() or "\ufffd" in path:
        raise ValueError(f": {location!r} names no file; a path is of printable UTF-8")
    given = parse_qsl(query, keep_blank_values=True)
    options = dict(given)
    if len(options) < len(given):
        raise ValueError(f": {query!r} says something twice")
    synchronous = options.pop("synchronous", _SYNCHRONOUS[0]).upper()
    if options:
        raise ValueError(f": sqlite has no option {next(iter(options))!r}; it has synchronous")
    if synchronous not in _SYNCHRONOUS:
        raise ValueError(f": synchronous must be FULL or NORMAL, not {synchronous!r}")
    return StoreChoice("sqlite", Path(path).absolute(), synchronous)
