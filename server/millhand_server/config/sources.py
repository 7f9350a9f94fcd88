"""Where settings come from: flags, environment, a TOML file. Says which were given, and by what name."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from millhand_server.config.settings import PREFIX, SETTINGS, Setting

#: Names the configuration file; it cannot stand in the file itself.
CONFIG_VARIABLE = PREFIX + "CONFIG"

#: What other programs of ours read: the client commands, and the test suite.
_NOT_THE_SERVERS = frozenset(
    PREFIX + name for name in ("ADDRESS", "TOKEN", "TLS_CA", "CLIENT_CERT", "CLIENT_KEY", "CI")
)

#: What Kubernetes sets in every container for a Service named `millhand`.
_SERVICE_LINK = re.compile(rf"{PREFIX}(SERVICE_(HOST|PORT\w*)|PORT_\d+_(TCP|UDP|SCTP)\w*)")


@dataclass(frozen=True)
class Given:
    """A value as it was given, and how its source calls it: `--port`, `MILLHAND_PORT`, `port in FILE`."""

    value: object
    origin: str


class SourceError(Exception):
    """A source cannot be read, or has names that no setting has; one sentence each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


def from_flags(flags: Mapping[str, object]) -> dict[str, Given]:
    """Takes what the command line gave; None, and an empty tuple, mean that a flag was absent."""
    return {
        name: Given(value, SETTINGS[name].flag)
        for name, value in flags.items()
        if value is not None and value != ()
    }


def from_environment(environ: Mapping[str, str]) -> dict[str, Given]:
    """Takes our variables; a setting that can be given several times is split at commas.

    Raises:
        SourceError: a variable begins like ours and is none.
    """
    problems = list(_unknown_variables(environ))
    if problems:
        raise SourceError(problems)
    return {
        setting.name: Given(_split(setting, environ[setting.variable]), setting.variable)
        for setting in SETTINGS.values()
        if setting.variable in environ
    }


def from_file(path: str) -> dict[str, Given]:
    """Takes what a TOML file holds: one key per setting, named as its flag with underscores.

    Raises:
        SourceError: the file cannot be read, is not TOML, or has a key that no setting has.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as failure:
        reason = failure.strerror if isinstance(failure, OSError) else "it is not UTF-8"
        raise SourceError([f"the configuration file {path} cannot be read: {reason}"]) from None
    except tomllib.TOMLDecodeError as failure:
        raise SourceError([f"the configuration file {path} is not TOML: {failure}"]) from None
    if unknown := content.keys() - SETTINGS:
        raise SourceError(
            f"{path} has no setting {key!r}{_suggestion(key, SETTINGS)}" for key in sorted(unknown)
        )
    return {key: Given(value, f"{key} in {path}") for key, value in content.items()}


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    known = {setting.variable for setting in SETTINGS.values()} | {CONFIG_VARIABLE}
    for variable in sorted(environ):
        ours = variable.startswith(PREFIX) and variable not in _NOT_THE_SERVERS
        if ours and variable not in known and not _SERVICE_LINK.fullmatch(variable):
            yield f"the environment variable {variable} is no setting{_suggestion(variable, known)}"


def _split(setting: Setting, value: str) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if setting.repeated else value


def _suggestion(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
