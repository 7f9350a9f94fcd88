"""What every client command shares: the options that find a server, and errors turned into exit statuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from millhand_server.cli.failures import INTERRUPTED, exit_status, sentence
from millhand_server.config.client import client_options

if TYPE_CHECKING:
    from millhand import Client
    from millhand_server.cli.types import Types

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--address",
        metavar="HOST:PORT",
        help="The server. Unset: MILLHAND_ADDRESS, else 127.0.0.1:50051.",
    ),
    click.option("--token", metavar="TOKEN", help="Sent with every call. Unset: MILLHAND_TOKEN."),
    click.option("--tls-ca", metavar="FILE", help="Who signed the server's certificate (PEM); turns TLS on."),
    click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="For people, or for programs: JSON, one object a line.",
    ),
)


@dataclass(frozen=True)
class Connection:
    """A client, and the message types that its server knows."""

    client: Client
    types: Types


def connected(command: _Command) -> _Command:
    """Adds the options that `connect` and the printing need."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@contextmanager
def connect(address: str | None, token: str | None, tls_ca: str | None) -> Iterator[Connection]:
    """Gives a connection. What the server refuses ends the program with a sentence and the status for it."""
    # Here and not above, so that help and usage errors need no gRPC.
    from millhand import Client, MillhandError
    from millhand.channel import open_channel
    from millhand_server.cli.types import Types

    options = client_options(address, token, tls_ca)
    try:
        channel = open_channel(options.address, options.tls_ca, None)
    except OSError as failure:
        raise click.UsageError(f"--tls-ca {options.tls_ca} cannot be read: {failure.strerror}") from None
    with Client(channel=channel, token=options.token, name="millhand-cli") as client:
        try:
            yield Connection(client, Types(channel))
        except MillhandError as error:
            click.echo(sentence(error, options.address), err=True)
            raise SystemExit(exit_status(error)) from None
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None
