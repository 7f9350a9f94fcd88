"""`millhand exec`: one task, from registration to its output."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from millhand_server.cli.connection import Connection, connect, connected
from millhand_server.cli.parameters import duration
from millhand_server.cli.printing import print_json, print_output
from millhand_server.cli.specs import described, spec_of

if TYPE_CHECKING:
    from millhand import Client, LogReader


@click.command("exec")
@described
@click.option(
    "--wait", metavar="D", type=duration, help="How long to wait for it. Unset: as long as it takes."
)
@click.option("--cancel-on-timeout", is_flag=True, help="Cancel it when --wait is over; else it goes on.")
@connected
def execute(
    address: str | None,
    token: str | None,
    tls_ca: str | None,
    output: str,
    wait: timedelta | None,
    cancel_on_timeout: bool,
    **spec_options: Any,
) -> None:
    """Run a task, wait for it and print its output.

    JSON is what the handler is given; - reads it from standard input. Ctrl-C leaves the task running.
    """
    with connect(address, token, tls_ca) as connection:
        spec = spec_of(connection, **spec_options)
        try:
            with _progress_of(connection.client, spec.id):
                result = connection.client.execute_task(
                    spec, timeout=wait, cancel_on_timeout=cancel_on_timeout
                )
        except KeyboardInterrupt:
            name = spec.id or f"with the key {spec.idempotency_key}"
            click.echo(f"the task {name} goes on: `millhand get`, `millhand cancel`", err=True)
            raise
        _print(connection, result, output)


def _print(connection: Connection, result: Any, output: str) -> None:
    if output == "json":
        print_json(connection.types.to_dict(result.message))
    elif result.error is None:
        print_output(result.message.output, connection.types)
    if result.error is not None:
        raise result.error


@contextmanager
def _progress_of(client: Client, task_id: str) -> Iterator[None]:
    """Shows a task's progress on standard error meanwhile, if a person is looking."""
    if not task_id or not sys.stderr.isatty():
        yield
        return
    reader = client.results(ids=[task_id], include_progress=True)
    shower = threading.Thread(target=_show_progress, args=(reader,), daemon=True)
    shower.start()
    try:
        yield
    finally:
        reader.close()
        shower.join(timeout=1.0)


def _show_progress(reader: LogReader[Any]) -> None:
    try:
        from rich.console import Console
        from rich.progress import Progress as Bar
    except ImportError:
        return
    from millhand import MillhandError, Progress

    with Bar(console=Console(stderr=True), transient=True) as bar:
        row = bar.add_task("running", total=1.0)
        try:
            for record in reader:
                if isinstance(record, Progress):
                    # Escaped by being a column's plain value: rich reads markup in descriptions.
                    bar.update(row, completed=record.fraction, description=_plain(record.message))
        except MillhandError:
            # The call that waits for the task meets the same fault, and is the one to report it.
            return


def _plain(message: str) -> str:
    from rich.markup import escape

    from millhand_server.cli.printing import printable

    return escape(printable(message)) or "running"
