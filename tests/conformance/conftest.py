"""The programs, the servers and the matrix of a run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.conformance.certificates import Certificates
from tests.conformance.matrix import Matrix
from tests.conformance.programs import LANGUAGES, Language, Program
from tests.conformance.servers import SHARED, Running, running

#: Plays a case of this kind of server.
ServerOf = Callable[[str], Running]

_MATRIX = pytest.StashKey[Matrix]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_MATRIX] = Matrix()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    matrix = terminalreporter.config.stash[_MATRIX]
    for line in matrix.lines():
        terminalreporter.write_line(line)
    if target := os.environ.get("MILLHAND_MATRIX"):
        matrix.write(Path(target))


@pytest.fixture(scope="session")
def matrix(pytestconfig: pytest.Config) -> Matrix:
    return pytestconfig.stash[_MATRIX]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def shared_servers(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[dict[str, Running]]:
    """Those that are shared, by kind, as they are first asked for."""
    with ExitStack() as stack:
        yield _Started(stack, tmp_path_factory, certificates)


@pytest.fixture
def server_of(
    shared_servers: dict[str, Running], tmp_path: Path, certificates: Certificates
) -> Iterator[ServerOf]:
    """Gives a server of a kind: the shared one, or one for this case alone."""
    with ExitStack() as stack:

        def server(kind: str) -> Running:
            if kind in SHARED:
                return shared_servers[kind]
            return stack.enter_context(running(kind, tmp_path, certificates))

        yield server


@pytest.fixture(scope="session")
def programs() -> Iterator[Callable[[Language], Program]]:
    """Gives the program of a language, started once, and again if it has ended."""
    started: dict[str, Program] = {}

    def program(language: Language) -> Program:
        if not language.is_built:
            give_up(f"{language.built} is not there: `make -C clients/{language.name} conformance` builds it")
        if language.name not in started or not started[language.name].is_alive:
            started[language.name] = Program(language)
        return started[language.name]

    yield program
    for one in started.values():
        one.end()


def wanted_languages() -> list[Language]:
    """Those that are to be tested: all, or the ones named in CONFORMANCE_LANG."""
    wanted = os.environ.get("CONFORMANCE_LANG", "").split()
    assert set(wanted) <= {language.name for language in LANGUAGES}, f"there is no client in {wanted}"
    return [language for language in LANGUAGES if not wanted or language.name in wanted]


class _Started(dict[str, Running]):
    def __init__(self, stack: ExitStack, folders: pytest.TempPathFactory, certificates: Certificates) -> None:
        super().__init__()
        self._stack = stack
        self._folders = folders
        self._certificates = certificates

    def __missing__(self, kind: str) -> Running:
        home = self._folders.mktemp(kind)
        self[kind] = server = self._stack.enter_context(running(kind, home, self._certificates))
        return server


def give_up(why: str) -> None:
    if os.environ.get("MILLHAND_CI"):
        pytest.fail(why)
    pytest.skip(why)


#: The clock of the matrix.
now = time.perf_counter
