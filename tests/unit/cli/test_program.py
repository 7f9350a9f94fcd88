import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from millhand_server.cli.program import main

_COMMANDS = [
    "serve",
    "migrate",
    "exec",
    "register",
    "get",
    "list",
    "cancel",
    "results",
    "wait",
    "explain",
    "handlers",
    "info",
    "completion",
    "token",
]


def test_help_lists_every_command_without_loading_grpc_or_the_servers_packages() -> None:
    program = (
        "import sys\n"
        "from millhand_server.cli.program import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "heavy = {'grpc', 'google.protobuf', 'msgspec', 'rich', 'asyncio'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )

    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert finished.returncode == 0, finished.stderr
    listed = finished.stdout.partition("Commands:")[2].split("\n")
    assert [line.split()[0] for line in listed if line.strip()] == _COMMANDS


@pytest.mark.parametrize("command", _COMMANDS)
def test_the_help_of_a_command_needs_no_grpc(command: str) -> None:
    program = (
        "import sys\n"
        "from millhand_server.cli.program import main\n"
        f"main([{command!r}, '--help'], prog_name='millhand', standalone_mode=False)\n"
        "assert 'grpc' not in sys.modules\n"
    )

    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith(f"Usage: millhand {command}")


def test_the_version_is_the_packages() -> None:
    printed = CliRunner().invoke(main, ["--version"])

    assert printed.output.startswith("millhand, version ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing"], "No such command 'nothing'. `millhand --help` lists them."),
        (["exce"], "No such command 'exce'. Did you mean exec?"),
        (["help"], "No such command 'help'. `millhand --help` lists them, `millhand COMMAND --help` tells"),
        (["info", "--address", "localhost"], "'localhost' has no port"),
        (
            ["info", "--address", "10.0.0.1:1", "--token", "t"],
            "a token for 10.0.0.1:1 would cross the network",
        ),
        (["exec", "echo", "--id", ""], "Invalid value for '--id': is empty"),
        (["get", ""], "Invalid value for 'ID': is empty"),
        (["completion", "csh"], "'csh' is not one of 'bash', 'zsh', 'fish'"),
        (["exec"], "Missing argument 'HANDLER'; or --id ID, to run a task that is registered."),
        (["register", "--id", "x"], "Missing argument 'HANDLER'"),
        (
            ["exec", "--id", "x", "--timeout", "5s"],
            "without a HANDLER --id runs a registered task as it is: leave --timeout out",
        ),
        (["exec", "--id", "x", "--label", "a=b"], "leave --label out"),
        (["info", "--token", "t", "--token-file", "f"], "give --token or --token-file, not both"),
        (["info", "--token-file", "/no/such"], "--token-file /no/such cannot be read: No such file"),
        (["info", "--token-file", "/dev/null"], "--token-file /dev/null is empty"),
        (["info", "--tls-ca", "/dev/null"], "--tls-ca /dev/null has no certificate (PEM)"),
        (
            ["info", "--tls-cert", "/dev/null", "--tls-key", "/dev/null"],
            "--tls-key /dev/null has no private key (PEM)",
        ),
        (["exec", "echo", "{a"], "is not JSON"),
        (["exec", "echo", "NaN"], "there is no NaN in it"),
        (["exec", "echo", "1", "--file", "x"], "--file goes with neither JSON nor --message"),
        (["exec", "echo", "--file", "/no/such"], "--file /no/such cannot be read: No such file"),
        (["exec", "echo", "--wait", "5"], "must be a duration such as 500ms"),
        (["register", "echo", "--label", "x"], "must be KEY=VALUE, not 'x'"),
        (["register", "echo", "--run-at", "2026-11-24T18:00:00"], "needs an offset"),
        (["register", "echo", "--run-at", "2026-11-24"], "such as 2026-11-24T00:00:00Z or"),
        (["register", "echo", "--run-at", "soon"], "must be a moment such as"),
        (["register", "echo", "--priority", "101"], "101 is not in the range -100<=x<=100"),
        (["register", "echo", "--tls-ca", "/no/such"], "--tls-ca /no/such cannot be read"),
        (["register", "echo", "--tls-cert", "c.pem"], "--tls-cert and --tls-key come together"),
        (
            ["info", "--tls-cert", "/no/such", "--tls-key", "/no/key"],
            "--tls-key /no/key cannot be read",
        ),
        (["info", "--address", "example.org:1", "--token", "t"], "would cross the network in the clear"),
        (["cancel"], "give either the IDs of tasks, or --all"),
        (["cancel", "x", "--all"], "give either the IDs of tasks, or --all"),
        (["cancel", "x", "--queue", "q"], "give either the IDs of tasks, or --all"),
        (["list", "--status", "done"], "'done' is not one of"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_usage_is_told_in_a_sentence_with_status_2(arguments: list[str], sentence: str) -> None:
    ended = CliRunner().invoke(main, arguments)

    assert ended.exit_code == 2
    assert sentence in " ".join(ended.stderr.split())


@pytest.mark.parametrize("status", ["deadline", "DEADLINE", "Context_Deadline_Reached"])
def test_the_status_that_tables_shorten_may_be_written_either_way(status: str) -> None:
    ended = CliRunner().invoke(main, ["list", "--status", status, "--address", "127.0.0.1:1"])

    assert ended.exit_code == 1
    assert "no server answers" in ended.stderr


def test_every_command_of_the_program_can_be_loaded() -> None:
    context = click.Context(main)

    loaded = [main.get_command(context, name) for name in main.list_commands(context)]

    assert all(isinstance(command, click.Command) for command in loaded)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_asks_this_program(shell: str) -> None:
    printed = CliRunner().invoke(main, ["completion", shell])

    assert printed.exit_code == 0
    assert f"_MILLHAND_COMPLETE={shell}_complete" in printed.output


def test_commands_and_options_are_completed_and_without_a_server_no_names() -> None:
    def completed(line: str, word: int) -> list[str]:
        variables = {
            "_MILLHAND_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(word),
            "MILLHAND_ADDRESS": "127.0.0.1:1",
        }
        printed = CliRunner().invoke(main, env=variables, prog_name="millhand")
        return [item.partition(",")[2] for item in printed.output.split()]

    assert completed("millhand re", 1) == ["register", "results"]
    assert "--priority" in completed("millhand register --pri", 2)
    assert completed("millhand exec e", 2) == []
    assert completed("millhand get t", 2) == []
    assert completed("millhand list --status d", 3) == []
    assert completed("millhand list --status c", 3) == ["completed", "cancelled", "context_deadline_reached"]


def test_without_click_the_command_says_what_to_install() -> None:
    program = "import sys\nsys.modules['click'] = None\nfrom millhand_server.cli import main\nmain()\n"

    ended = subprocess.run([sys.executable, "-c", program, "list"], capture_output=True, text=True)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "the command `millhand` needs an extra: pip install 'millhand[cli]' to call servers, "
        "'millhand[server,cli]' to serve\n"
    )


@pytest.mark.parametrize("command", [name for name in _COMMANDS if name not in ("serve", "migrate")])
def test_a_command_needs_nothing_of_the_servers(command: str) -> None:
    program = (
        "import sys\n"
        "for name in ('msgspec', 'grpc_reflection', 'grpc_health', 'uvloop', 'uuid_utils', 'rich'):\n"
        "    sys.modules[name] = None\n"
        "from millhand_server.cli import main\n"
        "main()\n"
    )
    rest = {"exec": ["echo"], "register": ["echo"], "token": ["ci", "--scopes", "run"], "completion": ["zsh"]}
    needs_id = {"get": ["a"], "cancel": ["a"], "explain": ["a"]}
    arguments = [command, *rest.get(command, []), *needs_id.get(command, [])]

    ended = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "MILLHAND_ADDRESS": "127.0.0.1:1"},
    )

    assert "Traceback" not in ended.stderr
    assert ended.returncode == (0 if command in ("token", "completion") else 1)
