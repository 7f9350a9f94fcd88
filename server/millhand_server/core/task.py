"""What a task is: the specification as its caller sent it, and the row that a store keeps of it.

Times are integer microseconds since the Unix epoch (`_us`), durations integer microseconds. Records are
immutable; a change makes a new record.
"""

from __future__ import annotations

import msgspec

from millhand_server.core import errors
from millhand_server.core.status import FINAL, TaskStatus

#: The queue of tasks that name none.
DEFAULT_QUEUE = "default"

#: How many of its last attempts a task remembers.
KEPT_ATTEMPTS = 20

SECOND_US = 1_000_000


class RetryPolicy(msgspec.Struct, frozen=True, gc=False):
    """How the delay between attempts grows. Zero or None stands for the server's default of each field."""

    backoff: float = 0.0
    max_delay_us: int | None = None
    jitter: float | None = None
    non_retryable_reasons: tuple[str, ...] = ()


class TaskSpec(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True):
    """A task as its caller asked for it. None means unset, and stays unset: defaults are never written in.

    `payload` holds an encoded payload (see `ports.PayloadCodec`); empty means that there is none.
    """

    handler: str
    id: str = ""
    name: str = ""
    description: str = ""
    payload: bytes = b""
    priority: int = 0
    queue: str = DEFAULT_QUEUE
    labels: dict[str, str] = {}
    retries: int | None = None
    retry_delay_us: int | None = None
    retry_policy: RetryPolicy | None = None
    timeout_us: int | None = None
    start_timeout_us: int | None = None
    deadline_us: int | None = None
    heartbeat_timeout_us: int | None = None
    run_at_us: int | None = None
    delay_us: int | None = None
    idempotency_key: str = ""
    fairness_key: str = ""
    correlation_id: str = ""
    traceparent: str = ""

    def same_content(self, other: TaskSpec) -> bool:
        """Tells whether both ask for the same work; id and traceparent name a call, not the work."""
        return msgspec.structs.replace(self, id=other.id, traceparent=other.traceparent) == other


class Lane(msgspec.Struct, frozen=True, order=True, gc=False, array_like=True):
    """Tasks that start in one order: same queue, fairness key and handler."""

    queue: str
    fairness_key: str
    handler: str


class Owner(msgspec.Struct, frozen=True, gc=False):
    """One incarnation of a node: its name, and an epoch that no earlier start of it had."""

    node: str
    epoch: int


class AttemptKey(msgspec.Struct, frozen=True, order=True, gc=False, array_like=True):
    """Names one attempt for ever; (epoch, attempt) is the fence that a late outcome cannot pass."""

    task_id: str
    attempt: int
    epoch: int


class TaskError(msgspec.Struct, frozen=True, gc=False):
    """Why an attempt or a task failed. `code` is a canonical gRPC code number.

    `domain` is `millhand.v1` for our own reasons and `handler` for one that a handler chose, so that a
    handler cannot forge ours.
    """

    code: int
    reason: str
    message: str
    domain: str = errors.DOMAIN
    metadata: dict[str, str] = {}


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One ended attempt. `error` is None when it succeeded."""

    number: int
    node: str
    worker: str
    start_us: int
    end_us: int
    error: TaskError | None = None


class Progress(msgspec.Struct, frozen=True, gc=False):
    """What a handler last said of how far it is; `fraction` is 0 to 1."""

    fraction: float
    message: str
    update_us: int


class NewTask(msgspec.Struct, frozen=True, gc=False):
    """A task on its way into a store, with what the server decided beside the specification.

    `queue` and `priority` are the effective ones. `token` is the same for all tasks of one call and differs
    between calls: it tells after an unknown outcome whether a row found is this call's own. `id_given` is
    False when the server made up the id: then a task with the same idempotency key may have another one.
    """

    spec: TaskSpec
    queue: str
    priority: int
    start_timeout_us: int | None
    principal: str
    session_id: str
    token: int
    id_given: bool = True


class Task(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True):
    """The row that a store keeps of a task.

    `status` is the stored one; `status.shown` derives what readers see. `owner` is set while a node holds
    the task (claimed ahead, or running). `sequence` is the order of acceptance. `start_by_us` is when a
    waiting task has waited too long (start timeout or deadline). `position` is the place of its result in
    the log, 0 until it is final. `losses` counts started attempts whose node was lost.
    """

    spec: TaskSpec
    sequence: int
    status: TaskStatus
    queue: str
    priority: int
    create_us: int
    due_us: int
    start_timeout_us: int | None = None
    start_by_us: int | None = None
    principal: str = ""
    session_id: str = ""
    token: int = 0
    expedited: bool = False
    owner: Owner | None = None
    attempt: int = 0
    retries_used: int = 0
    losses: int = 0
    start_us: int | None = None
    complete_us: int | None = None
    cancel_us: int | None = None
    cancel_reason: str = ""
    expire_us: int | None = None
    worker: str = ""
    node: str = ""
    error: TaskError | None = None
    output: bytes = b""
    progress: Progress | None = None
    last_heartbeat: bytes = b""
    heartbeat_us: int | None = None
    attempts: tuple[Attempt, ...] = ()
    stuck: bool = False
    revision: int = 1
    position: int = 0

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def lane(self) -> Lane:
        return Lane(self.queue, self.spec.fairness_key, self.spec.handler)

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def key(self) -> AttemptKey:
        """The key of the attempt that the row's owner holds.

        Raises:
            ValueError: no node holds the task.
        """
        if self.owner is None:
            raise ValueError(f"task {self.id} is not claimed")
        return AttemptKey(self.id, self.attempt, self.owner.epoch)

    def order_key(self) -> tuple[int, int, int]:
        """Among runnable tasks of a queue the lowest of these starts first."""
        return (EXPEDITED_PRIORITY if self.expedited else self.priority, self.due_us, self.sequence)

    def should_schedule(self) -> None:
        """Checks that the task may still be given to a worker.

        Raises:
            InvalidTaskId: it has no id.
            InvalidTaskFunc: it names no handler.
            TaskCancelled: it was cancelled.
            TaskCompleted: it has another final status.
            TaskAlreadyStarted: an attempt runs.
        """
        if not self.spec.id:
            raise errors.InvalidTaskId("the task has no id", field="task.id")
        if not self.spec.handler:
            raise errors.InvalidTaskFunc("the task names no handler", field="task.handler")
        if self.status is TaskStatus.CANCELLED:
            raise errors.TaskCancelled(self.id)
        if self.is_final:
            raise errors.TaskCompleted(self.id, self.status.name)
        if self.status is TaskStatus.RUNNING:
            raise errors.TaskAlreadyStarted(self.id)


#: Sorts before every priority that a caller may set.
EXPEDITED_PRIORITY = -1_000
