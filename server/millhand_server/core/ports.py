"""The ports: what the engine needs from the world, each a small Protocol named by its role."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from millhand_server.core.execution import Frame, Grant, Isolation, StopCause
from millhand_server.core.query import Page, Seen, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import AttemptKey, Lane, NewTask, Owner, Task
from millhand_server.core.transition import Transition


class Inserted(msgspec.Struct, frozen=True, gc=False):
    """The task is in the store; `created` is False when it was there before, with the same content."""

    task: Task
    created: bool


class Conflict(msgspec.Struct, frozen=True, gc=False):
    """The id (`field` is `id`) or the idempotency key is taken by the task `task_id`."""

    field: str
    task_id: str


class Full(msgspec.Struct, frozen=True, gc=False):
    """`limit` tasks wait already, or, if `in_bytes`, tasks of so many bytes."""

    limit: int
    in_bytes: bool = False


class Withheld(msgspec.Struct, frozen=True, gc=False):
    """Nothing was wrong with this one, but another of its atomic batch was refused."""


InsertResult = Inserted | Conflict | Full | Withheld


class Want(msgspec.Struct, frozen=True, gc=False):
    """Lanes whose tasks share free places, and how many places there are."""

    lanes: tuple[Lane, ...]
    limit: int


class LaneHead(msgspec.Struct, frozen=True, gc=False):
    """The state of a lane: its most urgent due task (None: none is due), and when the next one becomes due.

    `next_due_us` is None when nothing of the lane waits for its time. `head_order` is the head's
    `Task.order_key()`, None without a head.
    """

    lane: Lane
    head_id: str | None
    next_due_us: int | None
    head_order: tuple[int, int, int] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no task of the lane waits, neither due nor for its time."""
        return self.head_id is None and self.next_due_us is None


class Claimed(msgspec.Struct, frozen=True, gc=False):
    """Claimed tasks, most urgent first, and what is left of each wanted lane."""

    tasks: tuple[Task, ...]
    lanes: tuple[LaneHead, ...]


class Applied(msgspec.Struct, frozen=True, gc=False):
    """The row after a transition; `changed` is False when the guard did not hold and nothing happened.

    `task` is None when there is no such row.
    """

    task: Task | None
    changed: bool


class CancelMark(msgspec.Struct, frozen=True, gc=False):
    """What a request to cancel found. `task` is the row after it, None when there is no such task.

    `dequeued`: it waited and is CANCELLED now. Otherwise a live attempt is to be signalled, or the task was
    final before (then `already_final`).
    """

    task: Task | None
    dequeued: bool = False
    already_final: bool = False


class Found(msgspec.Struct, frozen=True, gc=False):
    """A page of tasks; `more` tells whether others follow."""

    tasks: tuple[Task, ...]
    more: bool


class Overdue(msgspec.Struct, frozen=True, gc=False):
    """Waiting, unclaimed tasks whose `start_by_us` has passed, and when the next one's will."""

    tasks: tuple[Task, ...]
    next_us: int | None


class Recovered(msgspec.Struct, frozen=True, gc=False):
    """Rows that were taken back from owners that are gone, as they are now, and whether there are more."""

    tasks: tuple[Task, ...]
    more: bool


class LogPage(msgspec.Struct, frozen=True, gc=False):
    """A part of the log of results.

    `tasks` are the final tasks that matched, in log order; all positions up to `position` were looked at.
    `first` and `last` are the oldest and newest positions retained; `first` is `last + 1` in an empty log.
    """

    tasks: tuple[Task, ...]
    position: int
    first: int
    last: int


class Retention(msgspec.Struct, frozen=True, gc=False):
    """How long results are kept. 0 means no limit of that kind."""

    age_us: int = 24 * 3600 * 1_000_000
    failed_age_us: int = 7 * 24 * 3600 * 1_000_000
    count: int = 1_000_000
    bytes: int = 256 * 1024 * 1024


class Pruned(msgspec.Struct, frozen=True, gc=False):
    """What one step of pruning removed, and whether there is more to do now."""

    results: int
    tasks: int
    more: bool


class TaskStore(Protocol):
    """Keeps tasks and the log of their results.

    Verbs are atomic each, take batches, and answer in the order asked. A verb ends in one of three ways: it
    returns (done), it raises `StoreUnavailable` (not done, nothing changed), or it raises
    `StoreOutcomeUnknown` (done or not: only reading back tells). Times are the store's own clock's. Called
    from one event loop; safe for concurrent calls on it.
    """

    #: What `GetServerInfo` says of it: `memory`, `sqlite`, `postgresql`.
    name: str
    #: Whether acknowledged tasks outlive the process.
    durable: bool

    async def open(self) -> str:
        """Makes the store ready and returns the epoch of its log (16 hexadecimal digits)."""
        ...

    async def close(self) -> None:
        """Lets go of everything. A second call does nothing."""
        ...

    async def insert(self, tasks: Sequence[NewTask], *, atomic: bool, max_waiting: int) -> list[InsertResult]:
        """Adds tasks. Known ids and keys are looked up before fullness.

        With `atomic`, one refusal leaves all out: every result is then a refusal or `Withheld`. A duplicate
        inside the batch finds the earlier one. `max_waiting` 0 means no limit. A store that keeps what waits
        in memory has a bound of its own on its bytes.
        """
        ...

    async def claim(self, wants: Sequence[Want], *, limit: int, owner: Owner) -> Claimed:
        """Gives the most urgent due tasks of the wanted lanes to `owner`: at most `limit` in all.

        Claiming raises `attempt` by one and leaves the status; starting is a transition.
        """
        ...

    async def apply(self, transitions: Sequence[Transition]) -> list[Applied]:
        """Applies each transition whose guard holds. A task that becomes final enters the log."""
        ...

    async def cancel(self, ids: Sequence[str], reason: str) -> list[CancelMark]:
        """Stores a request to cancel; a task that waits unclaimed becomes CANCELLED at once.

        The first request's reason and time stand.
        """
        ...

    async def recover(self, owner: Owner, *, limit: int) -> Recovered:
        """Takes back at most `limit` tasks from owners that are gone: see `transition.lost`.

        In a store of one process these are all but `owner`, who asks. To be called at the start, again and
        again while there are more; a task that was taken back once is not found again. An attempt counts as
        having run for as long as its owner is known to have lived.
        """
        ...

    async def get(self, ids: Sequence[str]) -> list[Task | None]:
        """Reads rows by id."""
        ...

    async def find(self, wanted: TaskFilter, page: Page, seen: Seen) -> Found:
        """Reads a page of the tasks that match."""
        ...

    async def count(self, wanted: TaskFilter, seen: Seen, *, limit: int) -> dict[TaskStatus, int]:
        """Counts matching tasks by shown status, and stops when `limit` (0: none) were counted."""
        ...

    async def ahead_of(self, task: Task) -> int:
        """Counts the due, unclaimed tasks of the task's queue that would start before it."""
        ...

    async def lanes(self) -> list[LaneHead]:
        """Reads every lane that has a waiting, unclaimed task."""
        ...

    async def overdue(self, limit: int) -> Overdue:
        """Reads waiting, unclaimed tasks that must not wait longer."""
        ...

    async def read_log(self, after: int, wanted: TaskFilter, *, limit: int, max_bytes: int) -> LogPage:
        """Reads results after a position, oldest first.

        At most `limit` results, and about `max_bytes` of output (one larger result goes alone); the page may
        also end early after many that do not match, so that no call takes long. With `after` before what is
        retained the page begins with the oldest retained.
        """
        ...

    async def prune(self, retention: Retention) -> Pruned:
        """Removes what is past its retention, oldest first, in a small step."""
        ...

    def figures(self) -> dict[str, int]:
        """Returns the bytes that the store takes, by what they are for; empty when it is not open."""
        ...


class Change(msgspec.Struct, frozen=True, gc=False):
    """A transition that took effect: the row before it, as this node knew it, and the row after it."""

    transition: Transition
    before: Task
    after: Task


class Observer(Protocol):
    """Is told what happened to tasks once it is stored, in batches: for logs and metrics.

    Called on the engine's loop, which waits for it: it is quick, never blocks and does not raise.
    """

    def accepted(self, tasks: Sequence[Task]) -> None:
        """New tasks."""
        ...

    def changed(self, changes: Sequence[Change]) -> None:
        """Transitions. The start of a quick attempt is never one of its own: its end stands for both."""
        ...

    def cancelled(self, marks: Sequence[CancelMark]) -> None:
        """Requests to cancel, of those that found a task which was not final."""
        ...

    def recovered(self, tasks: Sequence[Task]) -> None:
        """Tasks that were taken back from a process that is gone, as they are now."""
        ...


class Executor(Protocol):
    """Runs attempts. All calls come from the engine's loop; frames are handed to `sink` on that loop.

    After `submit` each grant brings Returned alone, or Started, any number of Progressed and Heartbeat, and
    Finished once the code has ended, however long that takes.
    """

    #: Which handlers it runs.
    isolation: Isolation

    def start(self, sink: Callable[[Sequence[Frame]], None], *, workers: int) -> None:
        """Begins to run grants on this many workers."""
        ...

    def submit(self, grants: Sequence[Grant]) -> None:
        """Takes grants, to be started in this order as workers are free. Never blocks."""
        ...

    def signal(self, keys: Sequence[AttemptKey], cause: StopCause) -> None:
        """Tells attempts to stop. One that has not begun is given back; unknown keys are ignored."""
        ...

    def recall(self, keys: Sequence[AttemptKey]) -> None:
        """Asks for grants back; each that has not begun brings Returned, the others go on."""
        ...

    def announce_shutdown(self) -> None:
        """Lets running handlers know that the server is about to stop; they may go on."""
        ...

    def resize(self, workers: int) -> None:
        """Changes the number of workers; fewer takes effect as attempts end.

        0 starts nothing new: what has not begun is given back, and so is what is submitted then.
        """
        ...

    async def stop(self) -> None:
        """Ends idle workers. Code that still runs is left behind and cannot keep the process alive."""
        ...


class Clock(Protocol):
    """Tells the time, and calls back."""

    def now_us(self) -> int:
        """The wall clock: microseconds since the Unix epoch. It may jump."""
        ...

    def monotonic_us(self) -> int:
        """Microseconds since some instant; never jumps. For durations."""
        ...

    def call_later(self, delay_us: int, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls back on the loop after a delay; returns a function that cancels it."""
        ...


class UnsupportedType(Exception):
    """A handler's annotation that cannot be honoured. The text continues "takes SomeType: ..."."""


class Shape(msgspec.Struct, frozen=True):
    """What callers are told of the payloads that a handler takes or returns.

    `message_type` is the full name of a protobuf message, empty if it is none; `schema` the JSON Schema of
    its JSON, None if no shape is declared.
    """

    message_type: str = ""
    schema: dict[str, Any] | None = None


class RequestType(Protocol):
    """The type that a handler declares for its request. Made once, at the start; safe from any thread."""

    shape: Shape

    def decode(self, payload: bytes) -> object:
        """Returns the request that the handler is called with.

        Raises:
            InvalidPayload: the payload is not of this type. Violations name fields below the payload
                (`json.width`; empty for the payload itself), and no text has any of its values.
        """
        ...

    def example(self) -> bytes:
        """Returns an encoded payload of this type, made up from its shape; empty if that is not possible."""
        ...


class PayloadCodec(Protocol):
    """Turns encoded payloads into what handlers take, and back. Called in workers: safe from any thread."""

    def decode(self, payload: bytes) -> object:
        """Returns None for empty bytes.

        Raises:
            InvalidPayload: the bytes are no payload that is known here.
        """
        ...

    def encode(self, value: object) -> bytes:
        """Returns empty bytes for None.

        Raises:
            InvalidPayload: no encoding for it (its type, NaN, too deep, an integer past 2^53).
            PayloadTooLarge: its encoding has too many bytes.
        """
        ...

    def request_type(self, annotation: object) -> RequestType | None:
        """Returns the type that an annotation declares; None if it declares nothing, and `decode` serves.

        Raises:
            UnsupportedType: payloads cannot be checked against it.
        """
        ...

    def result_shape(self, annotation: object) -> Shape:
        """Returns what a handler with this return annotation returns.

        Raises:
            UnsupportedType: a value of this type cannot be encoded.
        """
        ...
