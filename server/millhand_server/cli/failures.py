"""What goes wrong in a client command: one sentence for the person, one exit status for the script."""

from __future__ import annotations

import millhand
from millhand_server.cli.printing import printable

ERROR = 1
NOT_FOUND = 3
TASK_FAILED = 4
TIMED_OUT = 5
CANCELLED = 6
#: What shells give a program that Ctrl-C ended.
INTERRUPTED = 130


def exit_status(error: millhand.MillhandError) -> int:
    """Returns the exit status that stands for an error."""
    match error:
        case millhand.NotFound():
            return NOT_FOUND
        case millhand.TaskFailed():
            return TASK_FAILED
        case millhand.DeadlineExceeded() | millhand.TaskTimedOut():
            return TIMED_OUT
        case millhand.TaskCancelledError():
            return CANCELLED
        case _:
            return ERROR


def sentence(error: millhand.MillhandError, address: str) -> str:
    """Says what happened, by what reason, and what to do about it."""
    if isinstance(error, millhand.Unavailable) and not error.reason:
        # What gRPC says about sockets helps nobody who forgot to start the server.
        return (
            f"no server answers at {address}; start one with `millhand serve`, or name another with --address"
        )
    reason = error.reason or error.code.name
    text = printable(error.message) or "the server gave no message"
    extra = [
        f"{printable(violation.field)}: {printable(violation.description)}"
        for violation in error.violations
        if violation.description != error.message
    ]
    advice = _advice(error)
    return "; ".join([f"{reason}: {text}", *extra, *([advice] if advice else [])])


def _advice(error: millhand.MillhandError) -> str:
    if isinstance(error, millhand.WaitTimedOut) and error.metadata.get("task_id"):
        return f"the task goes on: `millhand get {error.metadata['task_id']}`"
    if isinstance(error, millhand.Unauthenticated):
        return "give --token, or set MILLHAND_TOKEN"
    if error.retry_after is not None:
        return f"try again in {error.retry_after.total_seconds():g} s"
    if isinstance(error, millhand.InternalError) and error.request_id:
        return f"the server's log has the facts under request {error.request_id}"
    return ""
