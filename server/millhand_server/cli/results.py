"""`millhand results`: the log of results, from a cursor on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from millhand_server.cli.connection import Connection, connect, connected
from millhand_server.cli.filters import filter_of, filtered
from millhand_server.cli.printing import moment, output_value, print_json, printable
from millhand_server.cli.tasks import note_on, status_of

if TYPE_CHECKING:
    from millhand import Gap, LogReader, Result

_LINE = "{ended:19}  {status:10}  {id:36}  {handler:16}  {what}"

#: An output longer than this is cut in the table; JSON has all of it.
_WIDEST_OUTPUT = 120


@click.command
@click.option("--follow", is_flag=True, help="Go on with new results as they come.")
@click.option("--after", default="", metavar="CURSOR", help="Go on after this; 0 is the oldest retained.")
@click.option(
    "--id", "task_ids", metavar="ID", multiple=True, help="Of these tasks; ends when all have ended."
)
@filtered
@connected
def results(
    address: str | None,
    token: str | None,
    tls_ca: str | None,
    output: str,
    follow: bool,
    after: str,
    task_ids: tuple[str, ...],
    **filters: Any,
) -> None:
    """Print results, oldest first: those retained, and with --follow new ones.

    With --follow and neither --after nor --id only new ones. The cursor to go on from is the last thing on
    standard error.
    """
    with connect(address, token, tls_ca) as connection:
        reader = connection.client.results(
            after=after,
            follow=follow,
            close_on_completion=follow and bool(task_ids),
            **filter_of(ids=task_ids, **filters),
        )
        try:
            _print_all(connection, reader, output)
        finally:
            reader.close()
            click.echo(f"go on with --after {reader.cursor}", err=True)


def _print_all(connection: Connection, reader: LogReader[Any], output: str) -> None:
    from millhand import Gap

    if output == "table":
        click.echo(_LINE.format(ended="ENDED", status="STATUS", id="ID", handler="HANDLER", what="OUTPUT"))
    for record in reader:
        if output == "json":
            kind = "gap" if isinstance(record, Gap) else "result"
            print_json({kind: connection.types.to_dict(record.message), "cursor": record.cursor})
        elif isinstance(record, Gap):
            click.echo(_gap_line(record))
        else:
            click.echo(_result_line(connection, record))


def _gap_line(gap: Gap) -> str:
    missed = "an unknown number of" if gap.missed is None else str(gap.missed)
    why = "the log was replaced" if gap.log_replaced else "they are past their retention"
    return f"--- gap: {missed} results cannot be given any more ({why})"


def _result_line(connection: Connection, result: Result) -> str:
    task = result.task
    return _LINE.format(
        ended=moment(task.complete_time),
        status=status_of(task),
        id=printable(task.id),
        handler=printable(task.handler),
        what=printable(_what(connection, result)),
    ).rstrip()


def _what(connection: Connection, result: Result) -> str:
    payload = result.message.output
    kind = payload.WhichOneof("kind")
    if kind is None:
        return note_on(result.task)
    if kind == "blob":
        return f"{len(payload.blob.data)} bytes {payload.blob.content_type}".rstrip()
    text = json.dumps(output_value(payload, connection.types), ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _WIDEST_OUTPUT else text[: _WIDEST_OUTPUT - 1] + "…"
