"""`millhand wait`: until tasks are final."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from millhand_server.cli.completion import task_ids as known_ids
from millhand_server.cli.connection import connect, connected
from millhand_server.cli.failures import TIMED_OUT
from millhand_server.cli.filters import filter_of, filtered
from millhand_server.cli.parameters import duration, text
from millhand_server.cli.printing import print_json, print_table
from millhand_server.cli.task_text import short_name
from millhand_server.cli.terminal import StatusLine, looking_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from millhand import Client, FilterOptions


@click.command
@click.argument("task_ids", metavar="[ID]...", nargs=-1, type=text, shell_complete=known_ids)
@filtered
@click.option("--timeout", metavar="D", type=duration, help="0 looks once. Unset: as long as it takes.")
@connected
def wait(output: str, task_ids: tuple[str, ...], timeout: timedelta | None, **filters: Any) -> None:
    """Wait until all of these tasks are final; without an ID or an option, until every task is.

    Exit status 5 if they were not within --timeout.
    """
    with connect() as connection:
        for task_id in task_ids:
            # To wait for a task that does not exist would be over at once, and look like success.
            connection.client.get(task_id)
        chosen = filter_of(ids=task_ids, **filters)
        with looking_on(_counts_of(connection.client, chosen)):
            waited = connection.client.wait(timeout=timeout, **chosen)
        if output == "json":
            counts = {status.name: count for status, count in waited.counts.items()}
            print_json({"done": waited.done, "counts": counts})
        else:
            rows = sorted((short_name(status), str(count)) for status, count in waited.counts.items())
            print_table(("STATUS", "TASKS"), rows)
        if not waited.done:
            click.echo("TASK_TIMEOUT: not all of them are final yet", err=True)
            raise SystemExit(TIMED_OUT)


def _counts_of(client: Client, chosen: FilterOptions) -> Callable[[StatusLine], None]:
    def look(line: StatusLine) -> None:
        counts = client.wait(timeout=0, **chosen).counts
        left = {status: count for status, count in counts.items() if not status.final and count}
        every = sum(counts.values())
        if left:
            text = ", ".join(f"{count} {status.name}" for status, count in sorted(left.items()))
            line.say(f"waiting for {text}", (every - sum(left.values())) / every)

    return look
