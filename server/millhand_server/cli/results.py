"""`millhand results`: the log of results, from a cursor on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from millhand_server.cli.completion import task_ids as known_ids
from millhand_server.cli.connection import Connection, connect, connected
from millhand_server.cli.filters import filter_of, filtered
from millhand_server.cli.parameters import text
from millhand_server.cli.printing import print_json
from millhand_server.cli.result_sheet import Sheet, sheet

if TYPE_CHECKING:
    from millhand import LogReader


@click.command
@click.option("--follow", is_flag=True, help="Go on with new results as they come.")
@click.option("--after", default="", metavar="CURSOR", help="Go on after this; 0 is the oldest retained.")
@click.option(
    "--id",
    "task_ids",
    metavar="ID",
    type=text,
    multiple=True,
    shell_complete=known_ids,
    help="Of these tasks; ends when all have ended.",
)
@filtered
@connected
def results(output: str, follow: bool, after: str, task_ids: tuple[str, ...], **filters: Any) -> None:
    """Print results, oldest first: those retained, and with --follow new ones.

    With --follow and neither --after nor --id only new ones. On a terminal --follow also shows what runs, as
    far as it tells. The cursor to go on from is the last thing on standard error.
    """
    with connect(clock=_TellingClock()) as connection:
        page = None if output == "json" else sheet(connection.types, live=follow)
        reader = connection.client.results(
            after=after,
            follow=follow,
            close_on_completion=follow and bool(task_ids),
            include_progress=page is not None and page.shows_progress,
            **filter_of(ids=task_ids, **filters),
        )
        unseen = set(task_ids)
        if page is not None:
            page.begin()
        try:
            _print_all(connection, reader, page, unseen)
        finally:
            if page is not None:
                page.close()
            reader.close()
            click.echo(f"go on with --after {reader.cursor}", err=True)
        for task_id in unseen:
            # It may be running, or its result trimmed: only one that nobody knows is an error.
            connection.client.get(task_id)


class _TellingClock:
    """Real time. A reader sleeps only before it tries a lost server again: somebody should hear of that."""

    _SAY_AGAIN_S = 10.0

    def __init__(self) -> None:
        self._said_at: float | None = None

    def time(self) -> float:
        return time.monotonic()

    def sleep_for(self, duration: float) -> None:
        now = self.time()
        if self._said_at is None or now - self._said_at >= self._SAY_AGAIN_S:
            self._said_at = now
            click.echo("connection lost, trying again", err=True)
        time.sleep(duration)


def _print_all(connection: Connection, reader: LogReader[Any], page: Sheet | None, unseen: set[str]) -> None:
    from millhand import Gap, Progress

    for record in reader:
        if isinstance(record, Progress):
            if page is not None:
                page.progress(record)
        elif page is None:
            kind = "gap" if isinstance(record, Gap) else "result"
            print_json({kind: connection.types.to_dict(record.message), "cursor": record.cursor})
        elif isinstance(record, Gap):
            page.gap(record)
        else:
            page.result(record)
        if not isinstance(record, Gap | Progress):
            unseen.discard(record.task.id)
