"""What crosses between engine and executor: data only, so that a process or a remote worker can stand there.

A grant goes one way; frames come back. Every frame names its attempt by key.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from millhand_server.core.task import AttemptKey


class Isolation(IntEnum):
    """Where a handler's code runs. The numbers are those of the wire contract."""

    THREAD = 1
    ASYNC = 2
    PROCESS = 3


class StopCause(IntEnum):
    """Why an attempt is told to stop."""

    CANCEL = 1
    TIMEOUT = 2
    DEADLINE = 3
    SHUTDOWN = 4
    LEASE_LOST = 5


class Grant(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One attempt to run. `payload` and `last_heartbeat` are encoded payloads, empty when there is none.

    `deadline_us` is when the attempt will be timed out, for the handler to know; the engine keeps the time.
    """

    key: AttemptKey
    handler: str
    payload: bytes = b""
    labels: dict[str, str] = {}
    correlation_id: str = ""
    traceparent: str = ""
    deadline_us: int | None = None
    last_heartbeat: bytes = b""


class Succeeded(msgspec.Struct, frozen=True, gc=False, tag="succeeded"):
    """The handler returned; `output` is an encoded payload, empty for none."""

    output: bytes = b""


class Failed(msgspec.Struct, frozen=True, gc=False, tag="failed"):
    """The handler raised. `fatal` allows no retry; `retry_after_us` asks for one that is not counted."""

    reason: str
    message: str
    from_handler: bool = False
    fatal: bool = False
    retry_after_us: int | None = None


class Stopped(msgspec.Struct, frozen=True, gc=False, tag="stopped"):
    """The handler ended because it was told to."""


Outcome = Succeeded | Failed | Stopped


class Started(msgspec.Struct, frozen=True, gc=False, tag="started"):
    """The handler's code begins now. `worker` names the thread, loop or process."""

    key: AttemptKey
    worker: str
    at_us: int


class Progressed(msgspec.Struct, frozen=True, gc=False, tag="progressed"):
    """How far the handler is. Later ones replace earlier ones, and any may be dropped."""

    key: AttemptKey
    fraction: float
    message: str
    at_us: int


class Heartbeat(msgspec.Struct, frozen=True, gc=False, tag="heartbeat"):
    """The handler lives; `details` (an encoded payload) is kept for the next attempt."""

    key: AttemptKey
    details: bytes
    at_us: int


class Finished(msgspec.Struct, frozen=True, gc=False, tag="finished"):
    """The handler's code has ended; the last frame of an attempt that was started."""

    key: AttemptKey
    outcome: Outcome
    at_us: int


class Returned(msgspec.Struct, frozen=True, gc=False, tag="returned"):
    """The grant is given back: its code had not begun, and will not."""

    key: AttemptKey


Frame = Started | Progressed | Heartbeat | Finished | Returned
