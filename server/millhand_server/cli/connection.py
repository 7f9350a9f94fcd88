"""What every client command shares: the options that find a server, and errors turned into exit statuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from millhand_server.cli.failures import INTERRUPTED, exit_status, sentence
from millhand_server.config.client import ClientOptions, client_options

if TYPE_CHECKING:
    import grpc

    from millhand import Client
    from millhand_server.cli.types import Types

_Command = TypeVar("_Command", bound=Callable[..., Any])

#: Where the options are kept that only `connect` needs: no command has to pass them on.
_CERTIFICATE = "millhand.certificate"


def _keep(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    context.meta.setdefault(_CERTIFICATE, {})[parameter.name] = value


_OPTIONS = (
    click.option(
        "--address",
        metavar="HOST:PORT",
        help="The server. Unset: MILLHAND_ADDRESS, else 127.0.0.1:50051.",
    ),
    click.option("--token", metavar="TOKEN", help="Sent with every call. Unset: MILLHAND_TOKEN."),
    click.option("--tls-ca", metavar="FILE", help="Who signed the server's certificate (PEM); turns TLS on."),
    click.option(
        "--tls-cert",
        metavar="FILE",
        expose_value=False,
        callback=_keep,
        help="A certificate to show the server (PEM); turns TLS on. Unset: MILLHAND_CLIENT_CERT.",
    ),
    click.option(
        "--tls-key",
        metavar="FILE",
        expose_value=False,
        callback=_keep,
        help="Its private key (PEM). Unset: MILLHAND_CLIENT_KEY.",
    ),
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
    from millhand_server.cli.types import Types

    certificate = click.get_current_context().meta.get(_CERTIFICATE, {})
    options = client_options(address, token, tls_ca, **certificate)
    channel = _open(options)
    with Client(channel=channel, token=options.token, name="millhand-cli") as client:
        try:
            yield Connection(client, Types(channel))
        except MillhandError as error:
            click.echo(sentence(error, options.address), err=True)
            raise SystemExit(exit_status(error)) from None
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None


def _open(options: ClientOptions) -> grpc.Channel:
    import grpc

    from millhand.channel import open_channel
    from millhand.connection import Connection

    if (options.tls_cert is None) != (options.tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key come together")
    if options.tls_ca is None and options.tls_cert is None:
        return open_channel(Connection(options.address))
    credentials = grpc.ssl_channel_credentials(
        _content("--tls-ca", options.tls_ca),
        _content("--tls-key", options.tls_key),
        _content("--tls-cert", options.tls_cert),
    )
    return open_channel(Connection(options.address, credentials=credentials))


def _content(flag: str, path: str | None) -> bytes | None:
    try:
        return None if path is None else Path(path).read_bytes()
    except OSError as failure:
        raise click.UsageError(f"{flag} {path} cannot be read: {failure.strerror}") from None
