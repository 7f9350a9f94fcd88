"""Commands about the server itself: handlers, info."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from millhand_server.cli.completion import handler_names
from millhand_server.cli.connection import Connection, connect, connected
from millhand_server.cli.failures import NOT_FOUND
from millhand_server.cli.printing import print_fields, print_json, print_table, span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from millhand import TaskStatus
    from millhand.v1.handler_pb2 import Handler
    from millhand_server.config.client import ClientOptions


@click.command
@click.argument("name", required=False, shell_complete=handler_names)
@connected
def handlers(output: str, name: str | None) -> None:
    """List what the server can run, or show one handler with a call ready to paste."""
    with connect() as connection:
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
            print_fields(_about(connection, found[0]))


@click.command
@connected
def info(output: str) -> None:
    """Show the server, its store, its limits and how many tasks it has."""
    with connect() as connection:
        server = connection.client.info()
        if output == "json":
            print_json(connection.types.to_dict(server))
            return
        # Looks once; the counts are of every task that is retained.
        counts = connection.client.wait(timeout=0).counts
        print_fields(
            [
                ("version", server.version),
                ("node", server.node_id),
                ("store", server.store),
                ("uptime", span(server.uptime.seconds)),
                ("tasks", _counted(counts)),
                ("capabilities", ", ".join(server.capabilities)),
                *((field.name, str(value)) for field, value in server.limits.ListFields()),
            ]
        )


def _counted(counts: Mapping[TaskStatus, int]) -> str:
    return ", ".join(f"{count} {status.name}" for status, count in sorted(counts.items()) if count) or "none"


def _about(connection: Connection, handler: Handler) -> Iterator[tuple[str, str]]:
    yield "name", handler.name
    yield "description", handler.description
    yield "runs as", _isolation(handler)
    yield "cancel", _guarantee(handler)
    yield "takes", handler.input_type
    yield "returns", handler.output_type
    for name, value in connection.types.to_dict(handler.defaults).items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield f"default {name}", "none" if shown == "0s" else shown
    yield "example", pasted(handler.example, connection.options)


def pasted(example: str, options: ClientOptions) -> str:
    """Returns a server's example for grpcurl with the files that this command line was given.

    The server cannot know them, and writes names that may be meant.
    """
    head, data, rest = example.partition(" -d ")
    if options.tls_ca is not None and head.startswith("grpcurl") and "-plaintext" not in head:
        head = head.replace("grpcurl", f"grpcurl -cacert {shlex.quote(options.tls_ca)}", 1)
    if options.tls_cert is not None and options.tls_key is not None:
        shown = f"-cert {shlex.quote(options.tls_cert)} -key {shlex.quote(options.tls_key)}"
        head = head.replace("-cert client.pem -key client.key", shown)
    if options.token_file is not None:
        head = head.replace("$MILLHAND_TOKEN", f"$(cat {shlex.quote(options.token_file)})")
    return head + data + rest


def _isolation(handler: Handler) -> str:
    from millhand.v1.handler_pb2 import Isolation

    return Isolation.Name(handler.isolation).removeprefix("ISOLATION_").lower()


def _guarantee(handler: Handler) -> str:
    from millhand.v1.handler_pb2 import KillGuarantee

    return KillGuarantee.Name(handler.kill_guarantee).removeprefix("KILL_GUARANTEE_").lower()
