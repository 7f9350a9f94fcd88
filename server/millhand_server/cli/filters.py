"""Which tasks a command means: the options that become a task filter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from millhand_server.cli.parameters import instant, label
from millhand_server.cli.task_text import DEADLINE

if TYPE_CHECKING:
    from millhand import FilterOptions

_Command = TypeVar("_Command", bound=Callable[..., Any])

_STATUSES = (
    "scheduled",
    "queued",
    "rate_limited",
    "retrying",
    "running",
    "completed",
    "failed",
    "cancelled",
    "context_deadline_reached",
)


class _Status(click.Choice[str]):
    """A status; the one that tables shorten may be written as they do, and is offered once."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        shortened = isinstance(value, str) and value.upper() == DEADLINE
        return super().convert("context_deadline_reached" if shortened else value, param, ctx)


_OPTIONS = (
    click.option("--handler", "handlers", metavar="NAME", multiple=True, help="Of any of these handlers."),
    click.option("--queue", "queues", metavar="QUEUE", multiple=True, help="In any of these queues."),
    click.option(
        "--status",
        "statuses",
        type=_Status(_STATUSES, case_sensitive=False),
        multiple=True,
        help="With any of these statuses.",
    ),
    click.option(
        "--label", "labels", metavar="K=V", type=label, multiple=True, help="With all of these labels."
    ),
    click.option("--correlation-id", metavar="ID", help="With this correlation id."),
    click.option("--created-after", metavar="TIME", type=instant, help="Registered at this moment or later."),
    click.option("--created-before", metavar="TIME", type=instant, help="Registered before this moment."),
)


def filtered(command: _Command) -> _Command:
    """Adds the options that `filter_of` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def filter_of(
    *,
    ids: tuple[str, ...] = (),
    handlers: tuple[str, ...],
    queues: tuple[str, ...],
    statuses: tuple[str, ...],
    labels: tuple[tuple[str, str], ...],
    correlation_id: str | None,
    created_after: datetime | None,
    created_before: datetime | None,
) -> FilterOptions:
    """Turns the options into the client's; what was not given is left out, which matches every task."""
    from millhand import TaskStatus

    chosen: dict[str, Any] = {
        "ids": ids,
        "handlers": handlers,
        "queues": queues,
        "statuses": [TaskStatus[status.upper()] for status in statuses],
        "labels": dict(labels),
        "correlation_id": correlation_id,
        "created_after": created_after,
        "created_before": created_before,
    }
    given: FilterOptions = {key: value for key, value in chosen.items() if value}  # type: ignore[assignment]
    return given
