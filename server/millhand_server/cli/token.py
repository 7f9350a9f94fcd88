"""`millhand token`: makes a token, and the files that the two sides need. It speaks to no server."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from typing import BinaryIO

import click

from millhand_server.cli.printing import print_fields, print_json
from millhand_server.rpc import tokens
from millhand_server.rpc.scopes import Scope

#: What is secret is its owner's alone.
_OWNERS_ALONE = 0o600


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
    "--token-file", metavar="FILE", help="Write the token there, a new file of your own, and do not show it."
)
@click.option("--tokens", "tokens_file", metavar="FILE", help="Add the line to this file of a server's.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people, or for programs: one JSON object.",
)
def token(
    name: str, scopes: Iterable[Scope], token_file: str | None, tokens_file: str | None, output: str
) -> None:
    """Make a token for NAME, and the line that a server's --tokens file needs for it.

    The token is shown this once, unless it goes into a file, and kept nowhere else: the line has its digest.
    A running server reads its file again when it changes.
    """
    secret = tokens.new_secret()
    line = tokens.line_of(name, scopes, secret)
    _write(token_file, secret, tokens_file, line)
    said = {
        "token": secret if token_file is None else f"in {token_file}",
        "line": line if tokens_file is None else f"in {tokens_file}",
    }
    if output == "json":
        print_json(said)
    else:
        print_fields(said.items())


def _write(token_file: str | None, secret: str, tokens_file: str | None, line: str) -> None:
    """Writes both or neither: a token without its line is of no use, nor is a line without its token."""
    with ExitStack() as files:
        # Opened first, because that is what fails.
        list_ = None if tokens_file is None else files.enter_context(_opened(tokens_file, os.O_APPEND))
        own = None if token_file is None else files.enter_context(_opened(token_file, os.O_EXCL))
        if own is not None:
            own.write(f"{secret}\n".encode())
        if list_ is not None:
            content = list_.read()
            unended = content and not content.endswith(b"\n")
            # In one piece: a server may be reading it.
            list_.write((b"\n" if unended else b"") + f"{line}\n".encode())


def _opened(path: str, flags: int) -> BinaryIO:
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | flags, _OWNERS_ALONE), "r+b", buffering=0)
    except FileExistsError:
        raise click.UsageError(f"{path} is there already: no token is written over another") from None
    except OSError as failure:
        raise click.UsageError(f"{path} cannot be written: {failure.strerror}") from None
