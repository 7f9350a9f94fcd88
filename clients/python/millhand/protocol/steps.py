"""What an operation asks of the client that runs it: the only places where the clients wait.

An operation is a generator. It yields a step, gets the step's answer sent in or its error thrown in, and
returns what the caller wanted. `millhand.blocking` and `millhand.aio.awaiting` run operations.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

_T = TypeVar("_T")


class Stream(Protocol):
    """An open stream. Nothing here waits; frames are read with the step `Read`."""

    def send(self, request: Message) -> None:
        """Queues a request; for streams that take more than one."""

    def finish(self) -> None:
        """Says that no more requests follow."""

    def cancel(self) -> None:
        """Hangs up. Harmless when the stream is over."""


@dataclass(frozen=True)
class Call:
    """A unary call; answered with its response."""

    method: str
    request: Message
    deadline_s: float | None


@dataclass(frozen=True)
class Read:
    """The next frame of a stream; answered with None at its end."""

    stream: Stream


@dataclass(frozen=True)
class Sleep:
    """A pause before something is tried again, cut short when the client is closed."""

    seconds: float


@dataclass(frozen=True)
class Until:
    """Waits until the predicate holds; answered with False if it did not in time. For sessions."""

    predicate: Callable[[], bool]
    timeout_s: float | None = None


@dataclass(frozen=True)
class Tell:
    """Calls a function that may be the caller's own, outside of any lock. For sessions."""

    function: Callable[[Any], object]
    value: object


Step = Call | Read | Sleep | Until | Tell
Operation = Generator[Step, Any, _T]


@dataclass(frozen=True)
class Terms:
    """What an operation knows of its client.

    Attributes:
        timeout_s: How long one call may take; None for no limit.
        patience_s: How long a lost server is tried again; None for ever.
        name: What the program calls itself in a session.
        now: The time in seconds, from anywhere.
        open: Opens a stream: of answers to a request, or without one for requests to come. Raises
            MillhandError.
    """

    timeout_s: float | None
    patience_s: float | None
    name: str
    now: Callable[[], float]
    open: Callable[[str, Message | None], Stream]

    def deadline_s(self, wait_s: float | None) -> float | None:
        """A deadline behind the wait itself, so that the server's own answer to it arrives first."""
        return None if wait_s is None or self.timeout_s is None else wait_s + self.timeout_s
