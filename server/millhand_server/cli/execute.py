"""`millhand exec`: one task, from registration to its output."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from millhand_server.cli.connection import Connection, connect, connected
from millhand_server.cli.parameters import duration
from millhand_server.cli.printing import print_json, print_output
from millhand_server.cli.specs import described_or_registered, registered_id, spec_of
from millhand_server.cli.task_text import reason_text, short_status_of
from millhand_server.cli.terminal import StatusLine, looking_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from millhand import Client, Task, TaskSpec


@click.command("exec")
@described_or_registered
@click.option(
    "--wait", metavar="D", type=duration, help="How long to wait for it. Unset: as long as it takes."
)
@click.option("--cancel-on-timeout", is_flag=True, help="Cancel it when --wait is over; else it goes on.")
@connected
def execute(
    output: str, wait: timedelta | None, cancel_on_timeout: bool, handler: str | None, **spec_options: Any
) -> None:
    """Run a task, wait for it and print its output.

    JSON is what the handler is given; - reads it from standard input. Without a HANDLER it is the registered
    task with that --id which is run, now and whatever it waits for. Ctrl-C leaves the task running.
    """
    with connect() as connection:
        target = (
            registered_id(**spec_options) if handler is None else spec_of(connection, handler, **spec_options)
        )
        try:
            with looking_on(_state_of(connection.client, _id_of(target))):
                result = connection.client.execute_task(
                    target, timeout=wait, cancel_on_timeout=cancel_on_timeout
                )
        except KeyboardInterrupt:
            name = _id_of(target) or "with that key"
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


def _id_of(target: TaskSpec | str) -> str:
    return target if isinstance(target, str) else target.id


def _state_of(client: Client, task_id: str) -> Callable[[StatusLine], None]:
    """Shows how far the task is, or why it does not run. One that is known by its key alone shows nothing."""

    def look(line: StatusLine) -> None:
        if not task_id:
            return
        task = client.get(task_id)
        attempt = f"attempt {task.attempt}: " if task.attempt > 1 else ""
        if task.HasField("progress"):
            line.say(f"{task.handler}  {attempt}{task.progress.message or 'running'}", task.progress.fraction)
        else:
            line.say(f"{task.handler}  {attempt}{_standing(client, task)}")

    return look


def _standing(client: Client, task: Task) -> str:
    reasons = client.explain(task.id).reasons
    status = short_status_of(task).lower()
    return f"{status}: {reason_text(reasons[0])}" if reasons else status
