"""Commands that look at one task: get, explain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from millhand_server.cli.completion import task_ids as known_ids
from millhand_server.cli.connection import Connection, connect, connected
from millhand_server.cli.parameters import text
from millhand_server.cli.printing import brief, moment, print_fields, print_json, print_table
from millhand_server.cli.task_text import attempts_of, fields_of, reason_text, status_of

if TYPE_CHECKING:
    from millhand import Result, Task
    from millhand.v1.task_service_pb2 import ExplainTaskResponse


@click.command
@click.argument("task_id", metavar="ID", type=text, shell_complete=known_ids)
@click.option("--full", is_flag=True, help="With its payload, its output and its attempts.")
@connected
def get(output: str, task_id: str, full: bool) -> None:
    """Show one task."""
    with connect() as connection:
        task = connection.client.get(task_id, full=full)
        if output == "json":
            fields = connection.types.to_dict(task)
            if full:
                fields.update(_output_fields(connection, task))
            print_json(fields)
            return
        print_fields(fields_of(task))
        if full:
            _print_rest(connection, task)


def _output_fields(connection: Connection, task: Task) -> dict[str, object]:
    outputs = [r.message.output for r in _results_of(connection, task) if r.message.HasField("output")]
    return {"output": connection.types.to_dict(outputs[0])} if outputs else {}


def _print_rest(connection: Connection, task: Task) -> None:
    outputs = [brief(result.message.output, connection.types) for result in _results_of(connection, task)]
    print_fields([("payload", brief(task.payload, connection.types)), *(("output", out) for out in outputs)])
    if task.attempts:
        click.echo()
        print_table(("ATTEMPT", "STARTED", "SECONDS", "WORKER", "ERROR"), attempts_of(task))


def _results_of(connection: Connection, task: Task) -> tuple[Result, ...]:
    """The output is in the log of results, and with it goes when its retention is over."""
    if not task.HasField("complete_time"):
        return ()
    return connection.client.results_page(ids=[task.id]).results


@click.command
@click.argument("task_id", metavar="ID", type=text, shell_complete=known_ids)
@connected
def explain(output: str, task_id: str) -> None:
    """Say why a task is not running, the most binding reason first."""
    with connect() as connection:
        explanation = connection.client.explain(task_id)
        if output == "json":
            print_json(connection.types.to_dict(explanation))
        else:
            print_fields(_explained(explanation))


def _explained(explanation: ExplainTaskResponse) -> Iterator[tuple[str, str]]:
    from millhand import TaskStatus

    yield "status", status_of(explanation)
    yield "starts about", moment(explanation.estimated_start)
    if TaskStatus(explanation.status).final:
        yield "note", "it has ended: `millhand get ID --full` shows how"
    elif not explanation.reasons:
        yield "note", "nothing holds it back"
    for reason in explanation.reasons:
        yield _reason_name(reason.reason), reason_text(reason)


def _reason_name(number: int) -> str:
    from millhand.v1.task_service_pb2 import BlockReason

    return BlockReason.Name(number).removeprefix("BLOCK_REASON_")
