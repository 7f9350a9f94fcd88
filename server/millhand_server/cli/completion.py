"""Shell completion: the script that a shell loads, and the names it asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from millhand import Client, Task

_Answer = TypeVar("_Answer")

_SHELLS = ("bash", "zsh", "fish")

#: A shell that waits longer for its user's Tab seems broken.
_PATIENCE_S = 1.0

#: Whose ids are offered: somebody who wants an older one has it from somewhere to copy it.
_NEWEST = 200


@click.command
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, options, names of handlers and ids of tasks.

    \b
    bash:  eval "$(millhand completion bash)"   in ~/.bashrc
    zsh:   eval "$(millhand completion zsh)"    in ~/.zshrc
    fish:  millhand completion fish > ~/.config/fish/completions/millhand.fish
    """
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    kind = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}[shell]
    click.echo(kind(context.find_root().command, {}, "millhand", "_MILLHAND_COMPLETE").source())


def handler_names(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Returns the names of the server's handlers; none if it does not answer: there is nobody to tell."""
    known = _asked(context, lambda client: client.handlers())
    return _beginning_with(incomplete, {handler.name: handler.description for handler in known})


def task_ids(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Returns the ids of the newest tasks; none if the server does not answer."""

    def newest(client: Client) -> list[Task]:
        return [*islice(client.list(order_by="create_time desc", page_size=_NEWEST), _NEWEST)]

    return _beginning_with(incomplete, {task.id: task.handler for task in _asked(context, newest)})


def _asked(context: click.Context, ask: Callable[[Client], list[_Answer]]) -> list[_Answer]:
    from millhand import MillhandError
    from millhand_server.cli.connection import completed_options, connection_to

    try:
        with connection_to(completed_options(context), timeout=_PATIENCE_S) as connection:
            return ask(connection.client)
    except (MillhandError, click.UsageError):
        return []


def _beginning_with(incomplete: str, known: Mapping[str, str]) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name, help=said) for name, said in known.items() if name.startswith(incomplete)]
