"""What a task is made of on the command line: its payload, and the options of `exec` and `register`."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

import millhand
from millhand_server.cli.completion import handler_names, task_ids
from millhand_server.cli.parameters import JsonValue, duration, instant, json_value, label, text

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from millhand import TaskSpec
    from millhand_server.cli.connection import Connection

_Command = TypeVar("_Command", bound=Callable[..., Any])

_HANDLER = click.argument("handler", type=text, shell_complete=handler_names)
_HANDLER_OR_NONE = click.argument("handler", type=text, required=False, shell_complete=handler_names)

_OPTIONS = (
    click.argument("json_text", metavar="[JSON]", type=json_value, required=False),
    click.option("--file", metavar="FILE", help="Send the file's bytes as a blob instead of JSON."),
    click.option("--message", metavar="TYPE", help="Send the JSON as a protobuf message of this type."),
    click.option(
        "--id", metavar="ID", type=text, shell_complete=task_ids, help="The task's id. Unset: a new one."
    ),
    click.option("--name", metavar="TEXT", help="What to call the task."),
    click.option("--description", metavar="TEXT", help="What it is for."),
    click.option("--queue", metavar="QUEUE", help="Where it waits."),
    click.option(
        "--priority", metavar="N", type=click.IntRange(-100, 100), help="-100 to 100, lower runs first."
    ),
    click.option(
        "--label", "labels", metavar="K=V", type=label, multiple=True, help="May be given several times."
    ),
    click.option("--delay", metavar="D", type=duration, help="Do not run it before this has passed."),
    click.option("--run-at", metavar="TIME", type=instant, help="Do not run it before this moment."),
    click.option("--deadline", metavar="TIME", type=instant, help="End it at this moment at the latest."),
    click.option(
        "--timeout", "attempt_timeout", metavar="D", type=duration, help="How long an attempt may run."
    ),
    click.option("--start-timeout", metavar="D", type=duration, help="How long it may wait for its start."),
    click.option("--retries", metavar="N", type=click.IntRange(0), help="Attempts after the first."),
    click.option("--retry-delay", metavar="D", type=duration, help="Delay before the first retry."),
    click.option(
        "--key",
        "idempotency_key",
        metavar="KEY",
        type=text,
        help="The same key registers one task.",
    ),
    click.option("--correlation-id", metavar="ID", help="An id of your own to find it by."),
    click.option("--traceparent", metavar="VALUE", help="The W3C trace context that it belongs to."),
)


def described(command: _Command) -> _Command:
    """Adds the arguments and options that `spec_of` takes."""
    return _with(command, _HANDLER)


def described_or_registered(command: _Command) -> _Command:
    """Adds those of `described`; the handler may be left out, which is for `registered_id` then."""
    return _with(command, _HANDLER_OR_NONE)


def spec_of(
    connection: Connection,
    handler: str,
    json_text: JsonValue | None,
    file: str | None,
    message: str | None,
    labels: tuple[tuple[str, str], ...],
    **options: Any,
) -> TaskSpec:
    """Builds the task; what is unset stays unset.

    Raises:
        click.UsageError: the ways to give a payload contradict each other, or one cannot be read.
        MillhandError: a value is out of its bounds.
    """
    if labels:
        options["labels"] = dict(labels)
    return millhand.task_spec(handler, _payload(connection, json_text, file, message), **options)


def registered_id(id: str | None, **options: Any) -> str:
    """Returns the id that stands alone in place of a handler and all that is said of a new task.

    Raises:
        click.UsageError: there is no id, or more than it.
    """
    if id is None:
        raise click.UsageError("Missing argument 'HANDLER'; or --id ID, to run a task that is registered.")
    if given := [name for name, value in options.items() if value not in (None, ())]:
        flags = {option.name: option.opts[0] for option in click.get_current_context().command.params}
        raise click.UsageError(
            f"without a HANDLER --id runs a registered task as it is: leave {flags[given[0]]} out"
        )
    return id


def _with(command: _Command, handler: Callable[[_Command], _Command]) -> _Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return handler(command)


def _payload(
    connection: Connection, json_text: JsonValue | None, file: str | None, message: str | None
) -> object:
    if file is not None:
        if json_text is not None or message is not None:
            raise click.UsageError("--file goes with neither JSON nor --message: a task has one payload")
        return _blob(file)
    if message is not None:
        return _message(connection, message, {} if json_text is None else json_text.value)
    return None if json_text is None else json_text.value


def _blob(file: str) -> object:
    try:
        data = Path(file).read_bytes()
    except OSError as failure:
        raise click.UsageError(f"--file {file} cannot be read: {failure.strerror}") from None
    return millhand.Blob(data=data, content_type=mimetypes.guess_type(file)[0] or "")


def _message(connection: Connection, type_name: str, value: Any) -> Message:
    from google.protobuf import json_format, message_factory

    descriptor = connection.types.find(type_name)
    if descriptor is None:
        raise click.UsageError(f"--message {type_name}: neither this program nor the server knows the type")
    filled: Message = message_factory.GetMessageClass(descriptor)()
    try:
        json_format.ParseDict(value, filled)
    except json_format.ParseError as refusal:
        raise click.UsageError(f"the JSON is no {type_name}: {refusal}") from None
    return filled
