"""Every change of a task, as a named function that returns a frozen transition.

A store applies a transition only if its guard still holds. `apply_to` is what applying means; the SQL
stores say the same in SQL, and one contract suite compares them.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from millhand_server.core.losses import SUSPECT_AFTER, is_fatal
from millhand_server.core.status import FINAL, WAITING, TaskStatus
from millhand_server.core.task import (
    KEPT_ATTEMPTS,
    Attempt,
    AttemptKey,
    Owner,
    Progress,
    Task,
    TaskError,
)

#: Canonical gRPC code numbers of a task's own errors.
CANCELLED_CODE = 1
DEADLINE_EXCEEDED_CODE = 4
INTERNAL_CODE = 13

#: The reason of an attempt whose process ended before it did.
WORKER_LOST = "WORKER_LOST"


class Transition(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One guarded change.

    The guard: with `key`, the row is held by that epoch in that attempt, and its code has not begun if the
    attempt is returned; without, the row waits and no node holds it. `status` None leaves the status as it
    is. `due_in_us` counts from the store's own clock, so that nodes whose clocks differ agree; `uses_retry`
    and `expedites` go with it. A fact that is None or empty leaves the row's as it is. One with an `attempt`,
    which has ended, also stands for its start: a short attempt need not be stored twice. `is_loss` counts an
    attempt whose node was lost.
    """

    task_id: str
    key: AttemptKey | None = None
    status: TaskStatus | None = None
    release: bool = False
    at_us: int | None = None
    due_in_us: int | None = None
    uses_retry: bool = False
    returns_attempt: bool = False
    expedites: bool = False
    worker: str = ""
    attempt: Attempt | None = None
    error: TaskError | None = None
    output: bytes = b""
    progress: Progress | None = None
    last_heartbeat: bytes = b""
    heartbeat_us: int | None = None
    is_loss: bool = False


class Reported(msgspec.Struct, frozen=True, gc=False):
    """What an attempt told before it ended."""

    progress: Progress | None = None
    last_heartbeat: bytes = b""
    heartbeat_us: int | None = None


NOTHING_REPORTED = Reported()


def claimed(row: Task, owner: Owner) -> Task:
    """Returns a row that waits unclaimed as held by this owner, for its next attempt."""
    return replace(row, owner=owner, attempt=row.attempt + 1, revision=row.revision + 1)


def started(key: AttemptKey, *, at_us: int, worker: str) -> Transition:
    """The handler's code began to run."""
    return Transition(task_id=key.task_id, key=key, status=TaskStatus.RUNNING, at_us=at_us, worker=worker)


def completed(key: AttemptKey, attempt: Attempt, output: bytes, told: Reported) -> Transition:
    """The handler returned. It stands even when a cancellation was asked for meanwhile."""
    return _ended(key, TaskStatus.COMPLETED, attempt, told, output=output)


def failed(key: AttemptKey, attempt: Attempt, told: Reported) -> Transition:
    """The last attempt that the task had ended in an error."""
    return _ended(key, TaskStatus.FAILED, attempt, told)


def cancelled(key: AttemptKey, attempt: Attempt, told: Reported) -> Transition:
    """The handler stopped because it was told to."""
    return _ended(key, TaskStatus.CANCELLED, attempt, told)


def timed_out(key: AttemptKey, attempt: Attempt, told: Reported) -> Transition:
    """The deadline passed, or the last attempt took longer than it may."""
    return _ended(key, TaskStatus.CONTEXT_DEADLINE_REACHED, attempt, told)


def retrying(
    key: AttemptKey, attempt: Attempt, told: Reported, *, delay_us: int, uses_retry: bool
) -> Transition:
    """The attempt ended in an error, and another one follows after the delay."""
    return _ended(key, TaskStatus.RETRYING, attempt, told, due_in_us=delay_us, uses_retry=uses_retry)


def interrupted(key: AttemptKey, attempt: Attempt, told: Reported) -> Transition:
    """The server stopped the attempt to shut down: it runs again in its old place, and no retry is used."""
    return _ended(key, TaskStatus.QUEUED, attempt, told)


def lost(row: Task, *, seen_us: int) -> Transition:
    """The node that holds the row is gone, and nobody will say how the attempt ended.

    If its code had begun it was an attempt, which uses no retry; the task keeps its place and runs again, or
    fails when it was lost once too often. Otherwise the claim is given back. Of a task that is no suspect yet
    that is a loss all the same: a quick attempt can take its server with it before its start is stored.
    Suspects do not begin before it is.

    Args:
        row: held by the node.
        seen_us: when the node was last known to live.

    Raises:
        ValueError: no node holds the row.
    """
    if row.status in WAITING or row.owner is None:
        return replace(returned(row.key), is_loss=row.losses < SUSPECT_AFTER)
    start_us = seen_us if row.start_us is None else row.start_us
    error = TaskError(INTERNAL_CODE, WORKER_LOST, "the process that ran the attempt ended before it did")
    attempt = Attempt(row.attempt, row.owner.node, row.worker, start_us, max(start_us, seen_us), error)
    runs_us = [past.end_us - past.start_us for past in (*row.attempts, attempt) if was_lost(past)]
    status = TaskStatus.FAILED if is_fatal(row.losses + 1, runs_us) else TaskStatus.QUEUED
    return replace(_ended(row.key, status, attempt, NOTHING_REPORTED), is_loss=True)


def was_lost(attempt: Attempt) -> bool:
    """Tells whether the process that ran an attempt ended before it did."""
    return attempt.error is not None and attempt.error.reason == WORKER_LOST


def returned(key: AttemptKey) -> Transition:
    """A claim was given back before the code began; the attempt never was."""
    return Transition(task_id=key.task_id, key=key, release=True, returns_attempt=True)


def dropped(key: AttemptKey, error: TaskError) -> Transition:
    """A claimed task was cancelled before its code began."""
    return Transition(
        task_id=key.task_id,
        key=key,
        status=TaskStatus.CANCELLED,
        release=True,
        returns_attempt=True,
        error=error,
    )


def overdue(task_id: str, error: TaskError) -> Transition:
    """The task waited past its start timeout or its deadline."""
    return Transition(task_id=task_id, status=TaskStatus.CONTEXT_DEADLINE_REACHED, error=error)


def overdue_claimed(key: AttemptKey, error: TaskError) -> Transition:
    """As `overdue`, for a task that was claimed ahead and whose code had not begun."""
    return Transition(
        task_id=key.task_id,
        key=key,
        status=TaskStatus.CONTEXT_DEADLINE_REACHED,
        release=True,
        returns_attempt=True,
        error=error,
    )


def expedited(task_id: str) -> Transition:
    """A caller waits for the task: it is due now, ahead of all others of its lane."""
    return Transition(task_id=task_id, status=TaskStatus.QUEUED, due_in_us=0, expedites=True)


def holds(transition: Transition, row: Task) -> bool:
    """Tells whether the transition's guard holds for the row."""
    key = transition.key
    if key is None:
        return row.owner is None and row.status in WAITING
    if transition.returns_attempt and row.status not in WAITING:
        # The code began: the attempt is one, and its end is still to come.
        return False
    return row.owner is not None and row.owner.epoch == key.epoch and row.attempt == key.attempt


def apply_to(row: Task, transition: Transition, *, now_us: int) -> Task:
    """Returns the row after the transition, whose guard must hold.

    An error, retry, interruption or return of a task whose cancellation was asked for becomes CANCELLED
    here, in the one place where both facts are known.
    """
    t = transition if row.cancel_us is None else _cancelled_instead(transition, row)
    # What is rare is apart: CPython passes more than 14 keyword arguments in a dictionary that it makes for
    # the call, and one call with all facts took four times as long.
    if t.due_in_us is not None:
        row = _put_off(row, t, now_us + t.due_in_us)
    if t.progress is not None or t.heartbeat_us is not None or t.last_heartbeat:
        row = _reported(row, t)
    if t.is_loss:
        row = replace(row, losses=row.losses + 1)
    return _changed(row, t, now_us) if t.attempt is None else _attempted(row, t, t.attempt, now_us)


def cancel_requested(row: Task, reason: str, *, now_us: int) -> Task:
    """Returns the row, which must not be final, after a request to cancel it.

    It is CANCELLED at once when no node holds it, and marked otherwise. The first request stands.
    """
    cancel_us = row.cancel_us or now_us
    cancel_reason = row.cancel_reason if row.cancel_us else reason
    marked = replace(row, cancel_us=cancel_us, cancel_reason=cancel_reason, revision=row.revision + 1)
    if row.owner is not None:
        return marked
    return replace(
        marked,
        status=TaskStatus.CANCELLED,
        complete_us=now_us,
        error=cancelled_error(cancel_reason),
    )


def start_by(spec_deadline_us: int | None, start_timeout_us: int | None, due_us: int) -> int | None:
    """Returns when a task that is due at `due_us` has waited too long, or None if it may wait for ever."""
    if not start_timeout_us:
        return spec_deadline_us
    limit_us = due_us + start_timeout_us
    return limit_us if spec_deadline_us is None else min(limit_us, spec_deadline_us)


def cancelled_error(reason: str) -> TaskError:
    """Returns the error of a cancelled task."""
    metadata = {"cause": reason} if reason else {}
    return TaskError(CANCELLED_CODE, "TASK_CANCELLED", reason or "the task was cancelled", metadata=metadata)


def timeout_error(kind: str, message: str) -> TaskError:
    """Returns the error of a limit in time that was passed; `kind` is attempt, start or deadline."""
    return TaskError(DEADLINE_EXCEEDED_CODE, "TASK_TIMEOUT", message, metadata={"timeout": kind})


def _ended(
    key: AttemptKey,
    status: TaskStatus,
    attempt: Attempt,
    told: Reported,
    *,
    output: bytes = b"",
    due_in_us: int | None = None,
    uses_retry: bool = False,
) -> Transition:
    return Transition(
        task_id=key.task_id,
        key=key,
        status=status,
        release=True,
        attempt=attempt,
        error=attempt.error,
        output=output,
        due_in_us=due_in_us,
        uses_retry=uses_retry,
        progress=told.progress,
        last_heartbeat=told.last_heartbeat,
        heartbeat_us=told.heartbeat_us,
    )


#: What a requested cancellation turns into CANCELLED. A handler that returned stays COMPLETED.
_YIELDS_TO_CANCEL = frozenset(
    {
        TaskStatus.FAILED,
        TaskStatus.RETRYING,
        TaskStatus.QUEUED,
        TaskStatus.CONTEXT_DEADLINE_REACHED,
        # Itself: the row knows the caller's reason, an executor does not.
        TaskStatus.CANCELLED,
    }
)


def _cancelled_instead(t: Transition, row: Task) -> Transition:
    goes_on_waiting = t.status is None and t.release
    if row.cancel_us is None or not (goes_on_waiting or t.status in _YIELDS_TO_CANCEL):
        return t
    return replace(
        t,
        status=TaskStatus.CANCELLED,
        error=cancelled_error(row.cancel_reason),
        due_in_us=None,
        uses_retry=False,
    )


def _put_off(row: Task, t: Transition, due_us: int) -> Task:
    # The start timeout is over with the first start.
    had_started = row.start_us is not None or t.attempt is not None
    timeout_us = None if had_started else row.start_timeout_us
    return replace(
        row,
        due_us=due_us,
        start_by_us=start_by(row.spec.deadline_us, timeout_us, due_us),
        expedited=row.expedited or t.expedites,
        retries_used=row.retries_used + t.uses_retry,
    )


def _reported(row: Task, t: Transition) -> Task:
    return replace(
        row,
        progress=t.progress or row.progress,
        last_heartbeat=t.last_heartbeat or row.last_heartbeat,
        heartbeat_us=t.heartbeat_us or row.heartbeat_us,
    )


def _changed(row: Task, t: Transition, now_us: int) -> Task:
    status = row.status if t.status is None else t.status
    is_final = status in FINAL
    has_begun = t.at_us is not None
    return replace(
        row,
        status=status,
        owner=None if t.release else row.owner,
        attempt=row.attempt - 1 if t.returns_attempt else row.attempt,
        start_us=t.at_us if has_begun else row.start_us,
        complete_us=now_us if is_final else None,
        worker=t.worker if has_begun else row.worker,
        node=row.owner.node if has_begun and row.owner else row.node,
        error=t.error if is_final else row.error,
        output=t.output,
        revision=row.revision + 1,
    )


def _attempted(row: Task, t: Transition, attempt: Attempt, now_us: int) -> Task:
    status = row.status if t.status is None else t.status
    is_final = status in FINAL
    return replace(
        row,
        status=status,
        owner=None,
        # The start timeout is over with the first start.
        start_by_us=row.spec.deadline_us,
        # A quick attempt is stored once, at its end: then its start is told with it.
        start_us=attempt.start_us,
        complete_us=now_us if is_final else None,
        worker=attempt.worker,
        node=row.owner.node if row.owner else row.node,
        error=t.error if is_final else row.error,
        output=t.output,
        attempts=(*row.attempts, attempt)[-KEPT_ATTEMPTS:] if row.attempts else (attempt,),
        revision=row.revision + 1,
    )
