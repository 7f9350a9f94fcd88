"""Shell completion: the script that a shell loads, and the names it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_SHELLS = ("bash", "zsh", "fish")

#: A shell that waits longer for its user's Tab seems broken.
_PATIENCE_S = 1.0


@click.command
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, options and names of handlers.

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
    from click.shell_completion import CompletionItem

    from millhand import MillhandError
    from millhand_server.cli.connection import completed_options, connection_to

    try:
        with connection_to(completed_options(context), timeout=_PATIENCE_S) as connection:
            known = connection.client.handlers()
    except (MillhandError, click.UsageError):
        return []
    return [
        CompletionItem(handler.name, help=handler.description)
        for handler in known
        if handler.name.startswith(incomplete)
    ]
