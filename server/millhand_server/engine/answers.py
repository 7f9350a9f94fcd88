"""What the manager answers, as plain data. Enum numbers are those of the wire contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from millhand_server.core.cursor import Cursor
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Progress, Task


class CancelOutcome(IntEnum):
    """What a request to cancel came to."""

    DEQUEUED = 1
    SIGNALLED = 2
    STOPPED = 3
    KILLED = 4
    ALREADY_FINAL = 5
    NOT_STOPPABLE = 6


class BlockReason(IntEnum):
    """Why a task is not running."""

    NOT_DUE = 1
    RETRY_WAIT = 2
    QUEUE_PAUSED = 3
    QUEUE_POSITION = 4
    RATE_LIMIT = 5
    CONCURRENCY_LIMIT = 6
    FAIRNESS = 7
    WORKERS_BUSY = 8
    WORKERS_STUCK = 9
    NO_HANDLER = 10
    STORE_UNAVAILABLE = 11
    DRAINING = 12
    QUARANTINE = 13


class EndReason(IntEnum):
    """Why the server ended a stream."""

    CAUGHT_UP = 1
    COMPLETED = 2
    SHUTDOWN = 3
    SLOW_READER = 4
    CREDIT_SPENT = 5


class SlowReaderPolicy(IntEnum):
    """What becomes of a reader that falls behind."""

    BLOCK = 1
    GAP = 2
    DISCONNECT = 3


class CloseMode(IntEnum):
    """How a manager stops: after the running work, or at once."""

    GRACEFUL = 1
    NOW = 2


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The outcome of one cancel, and the task after it."""

    outcome: CancelOutcome
    task: Task


@dataclass(frozen=True, slots=True)
class AllCancelled:
    """How many tasks each outcome met; `still_running` names up to 1,000 that had not stopped in time."""

    counts: dict[CancelOutcome, int]
    still_running: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskPage:
    """A page of a listing. `total` counts up to 10,000; past that it is 10,001 and not exact."""

    tasks: tuple[Task, ...]
    more: bool
    total: int
    total_is_exact: bool


@dataclass(frozen=True, slots=True)
class WaitEnd:
    """Whether every matching task was final at one instant, and how many have each status now."""

    done: bool
    counts: dict[TaskStatus, int]


@dataclass(frozen=True, slots=True)
class Resized:
    """The number of workers before and after."""

    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Block:
    """One reason why a task is not running, its numbers in the fields; zero where one does not apply."""

    reason: BlockReason
    message: str
    name: str = ""
    limit: int = 0
    used: int = 0
    ahead: int = 0
    wait_us: int | None = None
    holder: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a task is not running, most binding reason first; no reasons once it runs or is final."""

    status: TaskStatus
    reasons: tuple[Block, ...] = ()
    estimated_start_us: int | None = None


@dataclass(frozen=True, slots=True)
class ResultFrame:
    """A final task. `cursor` is the place of its result."""

    task: Task
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class ProgressFrame:
    """The latest progress of a running task; never after the task's result."""

    task_id: str
    attempt: int
    progress: Progress
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class GapFrame:
    """Results that can no longer be given. `missed` is None when nobody knows how many.

    `replaced`: the cursor belongs to another log. Reading goes on after `cursor`.
    """

    from_cursor: str
    cursor: Cursor
    missed: int | None
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class KeepAliveFrame:
    """Nothing new; everything up to `cursor` was looked at."""

    cursor: Cursor


@dataclass(frozen=True, slots=True)
class EndFrame:
    """The last frame of a stream that the server ends."""

    reason: EndReason
    message: str
    cursor: Cursor


StreamFrame = ResultFrame | ProgressFrame | GapFrame | KeepAliveFrame | EndFrame


@dataclass(frozen=True, slots=True)
class ResultsPage:
    """Results after a cursor, and the cursor to go on from. `gap` tells what is missing before them."""

    results: tuple[ResultFrame, ...]
    next_cursor: Cursor
    gap: GapFrame | None = None


@dataclass(frozen=True, slots=True)
class Drained:
    """The tasks that were not final when the manager had closed, by status."""

    counts: dict[TaskStatus, int] = field(default_factory=dict)
