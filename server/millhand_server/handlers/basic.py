"""echo, sleep and fail: nothing but the service itself is needed to run them."""

import time
from typing import Any

from millhand.kit import Failed, Fatal, TaskContext, handler
from millhand_server.handlers.requests import (
    invalid,
    read_fields,
    read_flag,
    read_integer,
    read_number,
    read_text,
)

_DAY_S = 86_400
_PROGRESS_INTERVAL_S = 0.1


@handler("echo", example={"hello": "world"})
def echo(request: object) -> object:
    """Returns its request: JSON, bytes or a message."""
    return request


@handler("sleep", timeout=0, example={"seconds": 0.5, "progress": True})
def sleep(request: dict[str, Any], task: TaskContext) -> dict[str, float]:
    """Sleeps for `seconds` and wakes at once when it is cancelled; reports `progress` when asked to."""
    fields = read_fields(request, "seconds", "progress")
    seconds = read_number(fields, "seconds", low=0, high=366 * _DAY_S)
    if read_flag(fields, "progress"):
        _sleep_with_progress(seconds, task)
    else:
        task.wait_cancelled(seconds)
    task.raise_if_cancelled()
    return {"slept": seconds}


@handler("fail", example={"times": 1, "reason": "NOT_READY"})
def fail(request: dict[str, Any], task: TaskContext) -> dict[str, int]:
    """Fails as many attempts as `times` says, with `reason`, then succeeds; `fatal` forbids the retries."""
    fields = read_fields(request, "times", "reason", "fatal")
    times = read_integer(fields, "times", low=0, high=1_000_000)
    reason = read_text(fields, "reason", default="FAILED_ON_PURPOSE")
    kind = Fatal if read_flag(fields, "fatal") else Failed
    try:
        failure = kind(reason, f"Attempt {task.attempt} of {times} that fail.")
    except ValueError as error:
        raise invalid(str(error)) from None
    if task.attempt <= times:
        raise failure
    return {"attempts": task.attempt}


def _sleep_with_progress(seconds: float, task: TaskContext) -> None:
    start = time.monotonic()
    elapsed = 0.0
    while elapsed < seconds:
        task.progress(elapsed / seconds)
        if task.wait_cancelled(min(_PROGRESS_INTERVAL_S, seconds - elapsed)):
            return
        elapsed = time.monotonic() - start
    task.progress(1.0)
