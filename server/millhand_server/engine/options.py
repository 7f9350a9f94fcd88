"""What can be set about the engine, with the defaults."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from millhand_server.core.task import SECOND_US


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what callers send and hold, as GetServerInfo shows them."""

    max_message_bytes: int = 8 * 1024 * 1024
    max_payload_bytes: int = 3 * 1024 * 1024
    max_batch_tasks: int = 1_000
    max_json_depth: int = 24
    max_queued: int = 100_000
    max_streams: int = 1_000


#: More threads than this cost more than they bring; waiting work is better written as async handlers.
MAX_WORKERS = 1_000


def default_workers() -> int:
    """Returns the CPU count, but at least 4: handlers mostly wait."""
    return max(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class ManagerOptions:
    """How a manager works. `timeout_us`, `retry_delay_us` and `max_retries` serve tasks and handlers that
    set none; they are no caps. `max_tasks` None follows `max_workers`; `tasks_per_second` 0 is no limit.
    """

    max_workers: int = field(default_factory=default_workers)
    max_tasks: int | None = None
    tasks_per_second: float = 0.0
    timeout_us: int = 300 * SECOND_US
    retry_delay_us: int = SECOND_US
    max_retries: int = 3
    grace_us: int = 20 * SECOND_US
    #: How long attempts have to end once they were told to, before a closing manager leaves them behind.
    stop_us: int = 5 * SECOND_US
    #: How long code may run on after its signal or timeout before its worker counts as stuck.
    stuck_after_us: int = 10 * SECOND_US
    #: A stream that has nothing to say for this long says so.
    keep_alive_us: int = 15 * SECOND_US
    #: How far claims reach ahead of free workers, in time at the handlers' measured durations.
    claim_ahead_us: int = 50_000
    #: How many results a reader with the policy GAP or DISCONNECT may be behind.
    max_lag: int = 1_000
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def with_defaults(cls) -> ManagerOptions:
        """Returns the numbers of the Go library that Millhand descends from."""
        return cls(max_workers=os.cpu_count() or 1, max_tasks=10, tasks_per_second=5.0)
