"""`millhand cancel`: some tasks by id, or all that match."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from millhand_server.cli.completion import task_ids as known_ids
from millhand_server.cli.connection import Connection, connect, connected
from millhand_server.cli.filters import filter_of, filtered
from millhand_server.cli.parameters import duration, text
from millhand_server.cli.printing import print_json, print_table
from millhand_server.cli.task_text import short_status_of

if TYPE_CHECKING:
    from millhand import CancelAnswer, MillhandError


@click.command
@click.argument("task_ids", metavar="[ID]...", nargs=-1, type=text, shell_complete=known_ids)
@click.option("--all", "every", is_flag=True, help="Every task, or every one that the options choose.")
@filtered
@click.option("--reason", default="", metavar="TEXT", help="Why; the task keeps it.")
@click.option("--wait", metavar="D", type=duration, help="How long to wait for running code to stop.")
@connected
def cancel(
    output: str,
    task_ids: tuple[str, ...],
    every: bool,
    reason: str,
    wait: timedelta | None,
    **filters: Any,
) -> None:
    """Cancel tasks, and say what came of each.

    DEQUEUED: it had not run. SIGNALLED: its code was told to stop. STOPPED: its code ended within --wait.
    ALREADY_FINAL: it had ended before. NOT_STOPPABLE: its code ignores the signal.
    """
    if every == bool(task_ids) or (task_ids and any(filters.values())):
        raise click.UsageError(
            "give either the IDs of tasks, or --all, which options such as --handler narrow"
        )
    with connect() as connection:
        if every:
            _cancel_all(connection, output, reason, wait, filters)
        else:
            _cancel_each(connection, output, task_ids, reason, wait)


def _cancel_each(
    connection: Connection, output: str, task_ids: tuple[str, ...], reason: str, wait: timedelta | None
) -> None:
    from millhand import MillhandError

    answers: list[CancelAnswer] = []
    refusals: list[MillhandError] = []
    for task_id in task_ids:
        try:
            answers.append(connection.client.cancel(task_id, reason, wait=wait))
        except MillhandError as refusal:
            # The others are cancelled all the same; somebody is in a hurry.
            refusals.append(refusal)
    if output == "json":
        for answer in answers:
            print_json({"outcome": answer.outcome.name, "task": connection.types.to_dict(answer.task)})
    elif answers:
        rows = [(answer.task.id, answer.outcome.name, short_status_of(answer.task)) for answer in answers]
        print_table(("ID", "OUTCOME", "STATUS"), rows)
    for earlier in refusals[:-1]:
        click.echo(str(earlier), err=True)
    if refusals:
        raise refusals[-1]


def _cancel_all(
    connection: Connection, output: str, reason: str, wait: timedelta | None, filters: Mapping[str, Any]
) -> None:
    chosen = filter_of(**filters)
    if wait is None:
        answer = connection.client.cancel_all(reason, **chosen)
    else:
        answer = connection.client.cancel_all_and_wait(reason, timeout=wait, **chosen)
    counts = {outcome.name: count for outcome, count in answer.counts.items()}
    if output == "json":
        print_json({"counts": counts, "still_running_ids": list(answer.still_running_ids)})
        return
    print_table(("OUTCOME", "TASKS"), ((name, str(count)) for name, count in sorted(counts.items())))
    for task_id in answer.still_running_ids:
        click.echo(f"still running: {task_id}", err=True)
