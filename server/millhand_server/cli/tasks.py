"""Commands that look at tasks: get, list, wait, explain."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from millhand_server.cli.connection import connect, connected
from millhand_server.cli.failures import TIMED_OUT
from millhand_server.cli.filters import filter_of, filtered
from millhand_server.cli.parameters import duration
from millhand_server.cli.printing import moment, print_fields, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from millhand import Task


@click.command
@click.argument("task_id", metavar="ID")
@click.option("--full", is_flag=True, help="With its payload.")
@connected
def get(
    address: str | None, token: str | None, tls_ca: str | None, output: str, task_id: str, full: bool
) -> None:
    """Show one task."""
    with connect(address, token, tls_ca) as connection:
        task = connection.client.get(task_id, full=full)
        fields = connection.types.to_dict(task)
        if output == "json":
            print_json(fields)
        else:
            print_fields(_fields_of(task, fields.get("payload")))


@click.command("list")
@filtered
@click.option("--limit", type=click.IntRange(0), default=100, show_default=True, help="0 is all of them.")
@click.option(
    "--order-by",
    type=click.Choice(
        [f"{key}{way}" for key in ("create_time", "due_time", "priority") for way in ("", " desc")]
    ),
    default="create_time",
    show_default=True,
    help="What they are sorted by.",
)
@click.option("--full", is_flag=True, help="With their payloads (JSON only).")
@connected
def list_tasks(
    address: str | None,
    token: str | None,
    tls_ca: str | None,
    output: str,
    limit: int,
    order_by: str,
    full: bool,
    **filters: Any,
) -> None:
    """List tasks, all of them or those that the options choose."""
    with connect(address, token, tls_ca) as connection:
        found = connection.client.list(
            order_by=order_by,
            full=full,
            page_size=min(limit, 1000) if limit else 1000,
            **filter_of(**filters),
        )
        chosen = islice(found, limit or None)
        if output == "json":
            for task in chosen:
                print_json(connection.types.to_dict(task))
        else:
            print_table(("ID", "HANDLER", "STATUS", "ATTEMPT", "CREATED", "NOTE"), map(_row, chosen))


@click.command
@click.argument("task_ids", metavar="[ID]...", nargs=-1)
@filtered
@click.option("--timeout", metavar="D", type=duration, help="0 looks once. Unset: as long as it takes.")
@connected
def wait(
    address: str | None,
    token: str | None,
    tls_ca: str | None,
    output: str,
    task_ids: tuple[str, ...],
    timeout: timedelta | None,
    **filters: Any,
) -> None:
    """Wait until all of these tasks are final; without an ID or an option, until every task is.

    Exit status 5 if they were not within --timeout.
    """
    with connect(address, token, tls_ca) as connection:
        for task_id in task_ids:
            # To wait for a task that does not exist would be over at once, and look like success.
            connection.client.get(task_id)
        waited = connection.client.wait(timeout=timeout, **filter_of(ids=task_ids, **filters))
        counts = {status.name: count for status, count in waited.counts.items()}
        if output == "json":
            print_json({"done": waited.done, "counts": counts})
        else:
            print_table(("STATUS", "TASKS"), ((name, str(count)) for name, count in sorted(counts.items())))
        if not waited.done:
            click.echo("TASK_TIMEOUT: not all of them are final yet", err=True)
            raise SystemExit(TIMED_OUT)


@click.command
@click.argument("task_id", metavar="ID")
@connected
def explain(address: str | None, token: str | None, tls_ca: str | None, output: str, task_id: str) -> None:
    """Say why a task is not running, the most binding reason first."""
    with connect(address, token, tls_ca) as connection:
        explanation = connection.client.explain(task_id)
        if output == "json":
            print_json(connection.types.to_dict(explanation))
            return
        estimate = moment(explanation.estimated_start)
        print_fields([("status", status_of(explanation)), ("starts about", estimate)])
        for reason in explanation.reasons:
            print_fields([(_reason_name(reason.reason), reason.message)])


def status_of(message: Any) -> str:
    """Returns the name of the status in a task or an explanation."""
    from millhand import TaskStatus

    return TaskStatus(message.status).name


def note_on(task: Task) -> str:
    """Returns what is worth a column: why it failed or was cancelled, how far it is, or that it is stuck."""
    if task.stuck:
        return "stuck: its code ignores the signal to stop"
    if task.HasField("error"):
        return str(task.error.message)
    if task.HasField("progress") and not task.HasField("complete_time"):
        return f"{task.progress.fraction:.0%} {task.progress.message}".rstrip()
    return ""


def _row(task: Task) -> tuple[str, ...]:
    return (
        task.id,
        task.handler,
        status_of(task),
        str(task.attempt),
        moment(task.create_time),
        note_on(task),
    )


def _reason_name(number: int) -> str:
    from millhand.v1.task_service_pb2 import BlockReason

    return BlockReason.Name(number).removeprefix("BLOCK_REASON_")


def _fields_of(task: Task, payload: Any) -> Iterator[tuple[str, str]]:
    yield "id", task.id
    yield "name", task.name
    yield "description", task.description
    yield "handler", task.handler
    yield "status", status_of(task)
    yield "note", note_on(task)
    yield "queue", task.queue
    yield "priority", str(task.priority)
    yield "labels", ", ".join(f"{key}={value}" for key, value in sorted(task.labels.items()))
    yield "attempt", f"{task.attempt} ({task.retries_used} retries used)" if task.attempt else ""
    yield "created", moment(task.create_time)
    yield "due", moment(task.due_time)
    yield "started", moment(task.start_time)
    yield "ended", moment(task.complete_time)
    yield "cancel asked", moment(task.cancel_time)
    yield "cancel reason", task.cancel_reason
    yield "runs on", f"{task.node} {task.worker}".strip()
    yield "key", task.idempotency_key
    yield "correlation id", task.correlation_id
    yield "payload", "" if payload is None else str(payload)
