"""The group of commands. Each is loaded when it is used: `--help` needs neither gRPC nor the server."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version

import click

_PACKAGE = "millhand_server.cli"

#: Where each command lives and what the overview says of it, in the overview's order.
_COMMANDS = {
    "serve": ("serve:serve", "Start a server."),
    "migrate": ("migrate:migrate", "Bring a database up to date, or say what it lacks."),
    "exec": ("execute:execute", "Run a task, wait for it and print its output."),
    "register": ("register:register", "Register a task and print its id."),
    "get": ("tasks:get", "Show one task."),
    "list": ("listing:list_tasks", "List tasks."),
    "cancel": ("cancel:cancel", "Cancel tasks."),
    "results": ("results:results", "Print results, retained ones or as they come."),
    "wait": ("waiting:wait", "Wait until tasks are final."),
    "explain": ("tasks:explain", "Say why a task is not running."),
    "handlers": ("about:handlers", "List what the server can run."),
    "info": ("about:info", "Show the server, its store and its limits."),
    "completion": ("completion:completion", "Print what makes a shell complete commands and names."),
    "token": ("token:token", "Make a token for a server that asks for them."),
}


class LazyCommands(click.Group):
    """Commands by name, imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"{_PACKAGE}.{module}"), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as refusal:
            raise click.UsageError(f"{refusal.message} {_meant(args[0])}", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])


def _meant(name: str) -> str:
    if name == "help":
        return "`millhand --help` lists them, `millhand COMMAND --help` tells of one."
    close = get_close_matches(name, _COMMANDS, n=2)
    return f"Did you mean {' or '.join(close)}?" if close else "`millhand --help` lists them."


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("millhand"), prog_name="millhand")
def main() -> None:
    """A task service: Python handlers, callers in any language, results streamed back.

    The client commands find their server by --address or MILLHAND_ADDRESS. Exit status: 0 success, 1 error,
    2 wrong usage, 3 not found, 4 the task failed, 5 timed out, 6 cancelled.
    """
