"""The examples that the catalogue returns can be pasted as they are, and work."""

from collections.abc import Iterator

import pytest
from tests.acceptance.conftest import ServerProcess
from tests.acceptance.docs.commands import Shell, link_grpcurl, messages
from tests.architecture.docs import pages

from millhand import Client
from millhand_server.handlers import faults, handlers

_NAMES = sorted({*handlers.names(), *faults.handlers.names()})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with every handler that we ship, which may read this repository's files."""
    shared = ServerProcess(
        "--port",
        "0",
        "--handlers",
        "millhand_server.handlers:handlers",
        "--handlers",
        "millhand_server.handlers.faults:handlers",
        "--files-root",
        str(pages.ROOT),
        "--retry-delay",
        "10ms",
        cwd=tmp_path_factory.mktemp("server"),
    )
    yield shared
    shared.process.kill()
    shared.process.wait(30)


@pytest.fixture(scope="module")
def examples(server: ServerProcess) -> dict[str, str]:
    with Client(server.address) as client:
        return {handler.name: handler.example for handler in client.handlers()}


@pytest.fixture(scope="module")
def shell(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    tools = tmp_path_factory.mktemp("tools")
    link_grpcurl(tools)
    return Shell(server.address, tools)


def test_the_catalogue_has_every_handler_that_is_shipped(examples: dict[str, str]) -> None:
    assert sorted(examples) == _NAMES


@pytest.mark.parametrize("name", _NAMES)
def test_an_example_runs_and_completes(name: str, examples: dict[str, str], shell: Shell) -> None:
    ended = shell.run(examples[name])

    assert ended.returncode == 0, ended.stderr
    [answer] = messages(ended.stdout)
    assert answer["result"]["task"]["handler"] == name
    assert answer["result"]["task"]["status"] == "TASK_STATUS_COMPLETED"
    assert answer["result"]["output"]
