"""Which tasks a command means: the options that become a task filter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from millhand_server.cli.parameters import instant, label

if TYPE_CHECKING:
    from millhand import FilterOptions, TaskStatus

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
    # As tables shorten it.
    "deadline",
)

_OPTIONS = (
    click.option("--handler", "handlers", metavar="NAME", multiple=True, help="Of any of these handlers."),
    click.option("--queue", "queues", metavar="QUEUE", multiple=True, help="In any of these queues."),
    click.option(
        "--status",
        "statuses",
        type=click.Choice(_STATUSES, case_sensitive=False),
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
    chosen: dict[str, Any] = {
        "ids": ids,
        "handlers": handlers,
        "queues": queues,
        "statuses": [_status(status) for status in statuses],
        "labels": dict(labels),
        "correlation_id": correlation_id,
        "created_after": created_after,
        "created_before": created_before,
    }
    given: FilterOptions = {key: value for key, value in chosen.items() if value}  # type: ignore[assignment]
    return given


def _status(name: str) -> TaskStatus:
    from millhand import TaskStatus

    return TaskStatus.CONTEXT_DEADLINE_REACHED if name == "deadline" else TaskStatus[name.upper()]
