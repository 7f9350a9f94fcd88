"""`millhand register`: a task that nobody waits for."""

from __future__ import annotations

from typing import Any

import click

from millhand_server.cli.connection import connect, connected
from millhand_server.cli.printing import print_json
from millhand_server.cli.specs import described, spec_of


@click.command
@described
@connected
def register(output: str, **spec_options: Any) -> None:
    """Register a task and print its id.

    JSON is what the handler is given; - reads it from standard input. With --id or --key, repeating the
    command registers nothing new.
    """
    with connect() as connection:
        spec = spec_of(connection, **spec_options)
        (registered,) = connection.client.register_many([spec])
        if registered.task is None:
            return
        if output == "json":
            print_json(connection.types.to_dict(registered.task))
        else:
            click.echo(registered.task.id)
