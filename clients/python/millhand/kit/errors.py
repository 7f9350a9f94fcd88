"""How a handler ends other than by returning.

    Exception
    ├── Failed          a failure with a reason of the handler's own; retried like any exception
    │   └── Fatal       the same, never retried
    └── RetryAfter      not now: again after a delay, at no cost in retries
    BaseException
    └── Cancelled       the handler saw that it must stop, and stopped

Any other exception is a failure too, and is retried; of it the caller learns only the type's name.
The message of these is written for the caller.
"""

import enum
import re
from datetime import timedelta

from millhand.kit.durations import to_timedelta

_REASON = re.compile(r"[A-Z](?:[A-Z0-9_]{0,61}[A-Z0-9])?")


class StopReason(enum.Enum):
    """Why an attempt was told to stop."""

    CANCEL = "cancel"
    """Someone cancelled the task."""
    TIMEOUT = "timeout"
    """The attempt ran longer than the task's timeout; a retry may follow."""
    DEADLINE = "deadline"
    """The task's deadline passed; no retry follows."""
    SHUTDOWN_NOW = "shutdown_now"
    """The server stops at once, or its grace is over; the attempt uses up no retry."""
    LEASE_LOST = "lease_lost"
    """This node no longer owns the task; another may already run it, and this outcome is discarded."""


class Failed(Exception):
    """A failure with a reason of the handler's own, retried while the task has retries left.

    `reason` is what callers branch on: UPPER_SNAKE_CASE, at most 63 characters.
    """

    def __init__(self, reason: str, message: str = "") -> None:
        """Raises ValueError when `reason` is not UPPER_SNAKE_CASE of 1 to 63 characters."""
        if not isinstance(reason, str) or not _REASON.fullmatch(reason):
            raise ValueError(f"A reason is UPPER_SNAKE_CASE of at most 63 characters, not {reason!r}.")
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}" if self.message else self.reason


class Fatal(Failed):
    """A failure that trying again cannot mend: the task fails now, whatever retries it has left."""


class RetryAfter(Exception):
    """Ends this attempt and asks for another one after `delay`; it raises `attempt`, not `retries_used`."""

    def __init__(self, delay: float | timedelta, message: str = "") -> None:
        """`delay` is seconds or a timedelta; raises ValueError when it is negative or not finite."""
        super().__init__(delay, message)
        self.delay = to_timedelta(delay, "RetryAfter.delay")
        self.message = message

    def __str__(self) -> str:
        return self.message or f"retry after {self.delay.total_seconds():g} s"


class Cancelled(BaseException):
    """Raised by `TaskContext.raise_if_cancelled`; let it pass.

    A BaseException for the reason that asyncio.CancelledError is one: `except Exception` in a handler
    must not swallow the request to stop.
    """

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason.value
