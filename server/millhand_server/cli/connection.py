"""What every client command shares: the options that find a server, and errors turned into exit statuses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from millhand_server.cli.address import check_address
from millhand_server.cli.failures import INTERRUPTED, exit_status, sentence
from millhand_server.config.client import ClientOptions, client_options

if TYPE_CHECKING:
    import grpc

    from millhand import Client
    from millhand_server.cli.types import Types

_Command = TypeVar("_Command", bound=Callable[..., Any])

#: Where the options are kept that find the server: no command has to pass them on.
_SERVER = "millhand.server"

_VERBOSE = "millhand.verbose"


@dataclass(frozen=True)
class Connection:
    """A client, the message types that its server knows, and the options that found it."""

    client: Client
    types: Types
    options: ClientOptions


def connected(command: _Command) -> _Command:
    """Adds the options that `connect` reads, and `output`, which says how to print."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@contextmanager
def connect(*, clock: Any = None) -> Iterator[Connection]:
    """Gives a connection. What the server refuses ends the program with a sentence and the status for it."""
    options = _server_options()
    with connection_to(options, clock=clock) as connection:
        from millhand import MillhandError

        try:
            yield connection
        except MillhandError as error:
            verbose = click.get_current_context().meta.get(_VERBOSE, False)
            click.echo(sentence(error, options, verbose=verbose), err=True)
            raise SystemExit(exit_status(error)) from None
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None
        except UnicodeEncodeError as failure:
            # Python keeps bytes of an argument that are no UTF-8 in a form that no message can hold.
            raise click.UsageError(f"{failure.object!a} is not UTF-8") from None


@contextmanager
def connection_to(options: ClientOptions, *, clock: Any = None, **limits: Any) -> Iterator[Connection]:
    """Gives a connection as it is: what the server refuses is raised."""
    # Or the C core tells standard error of handshakes and sockets. What matters of that is in `sentence`.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # Here and not above, so that help and usage errors need no gRPC.
    from millhand import Client
    from millhand_server.cli.types import Types

    token = _token(options)
    channel = _open(options, token)
    with Client(channel=channel, token=token, name="millhand-cli", clock=clock, **limits) as client:
        yield Connection(client, Types(channel), options)


def completed_options(context: click.Context) -> ClientOptions:
    """The server that a command line means which is still being typed."""
    return client_options(**context.meta.get(_SERVER, {}))


def _server_options() -> ClientOptions:
    given = click.get_current_context().meta.get(_SERVER, {})
    if given.get("token") and given.get("token_file"):
        raise click.UsageError("give --token or --token-file, not both")
    options = client_options(**given)
    try:
        check_address(options.address)
    except ValueError as refusal:
        raise click.UsageError(str(refusal)) from None
    return options


def _token(options: ClientOptions) -> str | None:
    if options.token_file is None:
        return options.token
    try:
        token = Path(options.token_file).read_text().strip()
    except (OSError, UnicodeDecodeError) as failure:
        said = failure.strerror if isinstance(failure, OSError) else "it is no text"
        raise click.UsageError(f"--token-file {options.token_file} cannot be read: {said}") from None
    if not token:
        raise click.UsageError(f"--token-file {options.token_file} is empty")
    return token


def _open(options: ClientOptions, token: str | None) -> grpc.Channel:
    from millhand.channel import open_channel
    from millhand.connection import Connection as Target
    from millhand.connection import UselessFile

    if (options.tls_cert is None) != (options.tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key come together")
    target = Target(
        options.address,
        token=token,
        tls_ca=options.tls_ca,
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
    )
    try:
        return open_channel(target)
    except OSError as failure:
        flag = _flag_of(options, failure.filename)
        raise click.UsageError(f"{flag} {failure.filename} cannot be read: {failure.strerror}") from None
    except UselessFile as failure:
        flag = f"--{failure.option.replace('_', '-')}"
        raise click.UsageError(f"{flag} {failure.path} has no {failure.lacks} (PEM)") from None
    except ValueError:
        raise click.UsageError(
            f"a token for {options.address} would cross the network in the clear, where anybody on the way "
            "can read and use it: turn TLS on with --tls-ca"
        ) from None


def _flag_of(options: ClientOptions, path: str) -> str:
    files = {"--tls-ca": options.tls_ca, "--tls-cert": options.tls_cert, "--tls-key": options.tls_key}
    return next(flag for flag, given in files.items() if given == path)


def _keep(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    context.meta.setdefault(_SERVER, {})[parameter.name] = value


def _keep_verbose(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    context.meta[_VERBOSE] = value


def _server_option(flag: str, metavar: str, meaning: str) -> Callable[[_Command], _Command]:
    return click.option(flag, metavar=metavar, expose_value=False, callback=_keep, help=meaning)


_OPTIONS = (
    _server_option("--address", "HOST:PORT", "The server. Unset: MILLHAND_ADDRESS, else 127.0.0.1:50051."),
    _server_option("--token", "TOKEN", "Sent with every call. Unset: MILLHAND_TOKEN."),
    _server_option(
        "--token-file", "FILE", "Where the token is. Unset: MILLHAND_TOKEN_FILE, if there is no token."
    ),
    _server_option("--tls-ca", "FILE", "Who signed the server's certificate (PEM); turns TLS on."),
    _server_option(
        "--tls-cert",
        "FILE",
        "A certificate to show the server (PEM); turns TLS on. Unset: MILLHAND_CLIENT_CERT.",
    ),
    _server_option("--tls-key", "FILE", "Its private key (PEM). Unset: MILLHAND_CLIENT_KEY."),
    click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="For people, or for programs: JSON, one object a line.",
    ),
    click.option(
        "-v",
        "--verbose",
        is_flag=True,
        expose_value=False,
        callback=_keep_verbose,
        help="With an error, also the id that its request has in the server's log.",
    ),
)
