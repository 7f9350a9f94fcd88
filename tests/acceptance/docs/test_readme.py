"""The README's commands and programs do what it says, with the real grpcurl against a real server."""

import itertools
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.acceptance.conftest import Serve, ServerProcess
from tests.acceptance.docs.commands import Shell, commands, link_grpcurl, messages
from tests.architecture.docs import pages

Ended = subprocess.CompletedProcess[str]

_BLOCKS = [commands(block) for block in pages.blocks(pages.README, "sh")]
_MAKE, _GRPCURL, _MILLHAND, _OWN = _BLOCKS
_TOUR = [*_GRPCURL, *_MILLHAND]


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tools")


@pytest.fixture(scope="module")
def shell(tools: Path) -> Iterator[Shell]:
    """A shell beside a server as `make run` starts it, on a free port."""
    server = ServerProcess("--port", "0", "--files-root", str(pages.ROOT), cwd=tools)
    yield Shell(server.address, tools)
    server.process.kill()
    server.process.wait(30)


@pytest.fixture(scope="module")
def tour(shell: Shell, tools: Path) -> dict[str, Ended]:
    """What each command of the tour came to. All are run, in their order: one uses what another made."""
    link_grpcurl(tools)
    return {command: shell.run(command) for command in _TOUR}


@pytest.mark.parametrize("command", _MAKE)
def test_the_commands_at_the_top_are_targets_of_make(command: str) -> None:
    target = command.partition("#")[0].split()[1]

    assert re.search(rf"^{target}:", (pages.ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("command", _TOUR, ids=lambda command: " ".join(command.split())[:60])
def test_a_command_of_the_tour_shows_what_it_is_there_to_show(command: str, tour: dict[str, Ended]) -> None:
    ended = tour[command]

    assert ended.returncode == 0, ended.stderr
    _judge_of(command)(ended.stdout)


def test_the_tour_can_be_run_twice(shell: Shell, tour: dict[str, Ended]) -> None:
    again = [shell.run(command) for command in _TOUR]

    assert [ended.stderr for ended in again if ended.returncode] == []


def test_the_tour_shows_everything_that_it_should() -> None:
    shown = [rpc for rpc in _JUDGES if any(rpc in command for command in _TOUR)]

    assert shown == list(_JUDGES)


def test_the_python_client_prints_what_the_comments_say(shell: Shell) -> None:
    [program] = [block for block in pages.blocks(pages.README, "python") if "Client" in block]

    ended = shell.run_python(program)

    printed = [line for line, _ in itertools.groupby(ended.stdout.splitlines())]
    assert printed == re.findall(r"print\(.*\)  # (.*)", program), ended.stderr


def test_the_handler_can_be_served_and_called(serve: Serve, tmp_path: Path) -> None:
    [program] = [block for block in pages.blocks(pages.README, "python") if "greetings.py" in block]
    (tmp_path / "greetings.py").write_text(program)
    to_serve, to_call = _OWN
    arguments = to_serve.replace("--port 50052", "").split()[2:]

    server = serve(*arguments, cwd=str(tmp_path))
    ended = Shell(server.address, tmp_path).run(to_call.replace("127.0.0.1:50052", server.address))

    assert to_serve.startswith("millhand serve ")
    assert ended.stdout == '{"greeting": "Hello, Ada!"}\n', ended.stderr


def _judge_of(command: str) -> Callable[[str], None]:
    [judge] = [judge for shown, judge in _JUDGES.items() if shown in command]
    return judge


def _list(output: str) -> None:
    assert {"grpc.health.v1.Health", "millhand.v1.TaskService"} <= set(output.split())


def _describe(output: str) -> None:
    assert "rpc ExecuteTask ( .millhand.v1.ExecuteTaskRequest )" in output
    assert "rpc Session ( stream .millhand.v1.SessionRequest )" in output


def _list_handlers(output: str) -> None:
    [catalogue] = messages(output)
    names = {handler["name"] for handler in catalogue["handlers"]}
    assert {"echo", "sleep", "fail", "word_count", "checksum"} <= names
    assert all(handler["example"].startswith("grpcurl ") for handler in catalogue["handlers"])


def _execute_task(output: str) -> None:
    [answer] = messages(output)
    assert answer["result"]["task"]["status"] == "TASK_STATUS_COMPLETED"
    assert answer["result"]["output"]["json"]["words"] == 6
    assert answer["result"]["cursor"]


def _register_tasks(output: str) -> None:
    [answer] = messages(output)
    assert [result["task"]["id"] for result in answer["results"]] == ["tour-quick", "tour-slow"]
    assert all(result["created"] for result in answer["results"])


def _stream_results(output: str) -> None:
    first, *results, last = messages(output)
    assert "keep_alive" in first or "gap" in first
    assert [(r["result"]["task"]["id"], r["result"]["output"]) for r in results] == [
        ("tour-quick", {"json": "done"})
    ]
    assert last["end"]["reason"] == "END_REASON_COMPLETED"


def _cancel_task(output: str) -> None:
    [answer] = messages(output)
    assert answer["outcome"] in ("CANCEL_OUTCOME_STOPPED", "CANCEL_OUTCOME_DEQUEUED")
    assert answer["task"]["status"] == "TASK_STATUS_CANCELLED"
    assert answer["task"]["cancel_reason"] == "enough"


def _get_cancelled(output: str) -> None:
    _, *cancelled, last = messages(output)
    assert [frame["task"]["id"] for frame in cancelled] == ["tour-slow"]
    assert last["end"]["reason"] == "END_REASON_CAUGHT_UP"


def _session(output: str) -> None:
    frames = messages(output)
    kinds = [kind for frame in frames for kind in frame if kind != "request_id"]
    answered = {frame["request_id"]: frame for frame in frames if "request_id" in frame}
    results = [result for frame in frames for result in frame.get("results", {}).get("results", [])]
    assert kinds[0] == "welcome"
    assert kinds[-1] == "goodbye"
    assert kinds.index("registered") < kinds.index("results")
    assert answered["1"]["welcome"]["session_id"] == "tour"
    assert answered["3"]["registered"]["results"][0]["created"] is True
    assert [(result["task"]["id"], result["output"]) for result in results] == [
        ("tour-session", {"json": [1, 2, 3]})
    ]
    assert frames[-1]["goodbye"]["reason"] == "END_REASON_COMPLETED"


def _nothing(output: str) -> None:
    assert output == ""


def _says(*texts: str) -> Callable[[str], None]:
    def judge(output: str) -> None:
        assert [text for text in texts if text not in output] == []

    return judge


#: What tells a command of the tour from the others, and what it has to print.
_JUDGES: dict[str, Callable[[str], None]] = {
    "export PATH=": _nothing,
    "127.0.0.1:50051 list": _list,
    "127.0.0.1:50051 describe": _describe,
    "TaskService/ListHandlers": _list_handlers,
    "TaskService/ExecuteTask": _execute_task,
    "TaskService/RegisterTasks": _register_tasks,
    "TaskService/StreamResults": _stream_results,
    "TaskService/CancelTask": _cancel_task,
    "TaskService/GetCancelled": _get_cancelled,
    "TaskService/Session": _session,
    "millhand exec": _says('"words": 6'),
    "millhand register": _says("tour-cli\n"),
    "millhand get": _says("tour-cli", "sleep"),
    "millhand explain": _says("status:"),
    "millhand cancel": _says("tour-cli", "CANCELLED"),
    "millhand list": _says("tour-slow", "tour-cli"),
    "millhand results": _says("tour-quick", '"done"', "tour-session"),
    "millhand wait": _says("COMPLETED"),
    "millhand handlers": _says("echo", "word_count", "cooperative"),
    "millhand info": _says("store:", "sqlite", "max_payload_bytes:"),
}
