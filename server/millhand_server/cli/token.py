"""`millhand token`: makes a token. It speaks to no server, and keeps nothing."""

from __future__ import annotations

from collections.abc import Iterable

import click

from millhand_server.cli.printing import print_fields, print_json
from millhand_server.rpc import tokens
from millhand_server.rpc.scopes import Scope


def _name(value: str) -> str:
    try:
        tokens.check_name(value)
    except ValueError as refusal:
        raise click.BadParameter(str(refusal)) from None
    return value


def _scopes(value: str) -> Iterable[Scope]:
    try:
        return tokens.parse_scopes(value)
    except ValueError as refusal:
        raise click.BadParameter(str(refusal)) from None


@click.command
@click.argument("name", type=_name)
@click.option(
    "--scopes",
    type=_scopes,
    metavar="SCOPES",
    required=True,
    help="read, run or admin; several separated by commas. Each includes those before it.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people, or for programs: one JSON object.",
)
def token(name: str, scopes: Iterable[Scope], output: str) -> None:
    """Make a token for NAME, and the line that a server's --tokens file needs for it.

    The token is shown this once and kept nowhere: the line has its digest. A running server reads the file
    again when it changes.
    """
    secret = tokens.new_secret()
    line = tokens.line_of(name, scopes, secret)
    if output == "json":
        print_json({"token": secret, "line": line})
    else:
        print_fields([("token", secret), ("line", line)])
