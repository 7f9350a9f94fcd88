"""Commands about the server itself: handlers, info."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from millhand_server.cli.connection import connect, connected
from millhand_server.cli.failures import NOT_FOUND
from millhand_server.cli.printing import print_fields, print_json, print_table

if TYPE_CHECKING:
    from millhand.v1.handler_pb2 import Handler


@click.command
@click.argument("name", required=False)
@connected
def handlers(
    address: str | None, token: str | None, tls_ca: str | None, output: str, name: str | None
) -> None:
    """List what the server can run, or show one handler with a call ready to paste."""
    with connect(address, token, tls_ca) as connection:
        found = [handler for handler in connection.client.handlers() if name in (None, handler.name)]
        if not found and name is not None:
            click.echo(
                f"the server has no handler {name!r}: `millhand handlers` lists those it has", err=True
            )
            raise SystemExit(NOT_FOUND)
        if output == "json":
            for handler in found:
                print_json(connection.types.to_dict(handler))
        elif name is None:
            rows = ((h.name, _isolation(h), _guarantee(h), h.description) for h in found)
            print_table(("NAME", "RUNS AS", "CANCEL", "DESCRIPTION"), rows)
        else:
            _print_handler(found[0])


@click.command
@connected
def info(address: str | None, token: str | None, tls_ca: str | None, output: str) -> None:
    """Show the server, its store and its limits."""
    with connect(address, token, tls_ca) as connection:
        server = connection.client.info()
        if output == "json":
            print_json(connection.types.to_dict(server))
            return
        limits = [(field.name, str(value)) for field, value in server.limits.ListFields()]
        print_fields(
            [
                ("version", server.version),
                ("node", server.node_id),
                ("store", server.store),
                ("uptime", f"{server.uptime.seconds} s"),
                ("capabilities", ", ".join(server.capabilities)),
                *limits,
            ]
        )


def _print_handler(handler: Handler) -> None:
    print_fields(
        [
            ("name", handler.name),
            ("description", handler.description),
            ("runs as", _isolation(handler)),
            ("cancel", _guarantee(handler)),
            ("takes", handler.input_type),
            ("returns", handler.output_type),
            ("example", handler.example),
        ]
    )


def _isolation(handler: Handler) -> str:
    from millhand.v1.handler_pb2 import Isolation

    return Isolation.Name(handler.isolation).removeprefix("ISOLATION_").lower()


def _guarantee(handler: Handler) -> str:
    from millhand.v1.handler_pb2 import KillGuarantee

    return KillGuarantee.Name(handler.kill_guarantee).removeprefix("KILL_GUARANTEE_").lower()
