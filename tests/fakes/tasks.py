"""Tasks to put into stores, and the small things that go with them."""

from __future__ import annotations

from typing import Any

from millhand_server.core.task import (
    DEFAULT_QUEUE,
    Attempt,
    AttemptKey,
    Lane,
    NewTask,
    Owner,
    Task,
    TaskError,
    TaskSpec,
)
from millhand_server.core.transition import INTERNAL_CODE

OWNER = Owner("node-1", 1)
ECHO = Lane(DEFAULT_QUEUE, "", "echo")


def new_task(
    task_id: str = "t1",
    *,
    handler: str = "echo",
    queue: str = DEFAULT_QUEUE,
    priority: int = 0,
    start_timeout_us: int | None = None,
    principal: str = "anonymous",
    session_id: str = "",
    token: int = 1,
    id_given: bool = True,
    **spec: Any,
) -> NewTask:
    """Returns a task that waits for `echo` unless told otherwise; `spec` goes into its specification."""
    return NewTask(
        TaskSpec(
            id=task_id,
            handler=handler,
            queue=queue,
            priority=priority,
            start_timeout_us=start_timeout_us,
            **spec,
        ),
        queue=queue,
        priority=priority,
        start_timeout_us=start_timeout_us,
        principal=principal,
        session_id=session_id,
        token=token,
        id_given=id_given,
    )


def ended(of: Task | AttemptKey, error: TaskError | None = None) -> Attempt:
    """Returns the record of an attempt that ended, in an error or well."""
    number = of.attempt
    return Attempt(number, node="node-1", worker="w-1", start_us=10, end_us=20, error=error)


def handler_failed(message: str = "ValueError") -> TaskError:
    """Returns the error of a handler that raised."""
    return TaskError(INTERNAL_CODE, "HANDLER_FAILED", message)
