"""What an attempt's end means for its task: the decision, without the doing."""

from __future__ import annotations

import random

import msgspec

from millhand_server.core import transition
from millhand_server.core.execution import Failed, Outcome, StopCause, Stopped, Succeeded
from millhand_server.core.retry import Retries, delay_us
from millhand_server.core.task import Attempt, Task, TaskError
from millhand_server.core.transition import INTERNAL_CODE, Reported, Transition


class Ended(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The facts of an attempt that is over. `cause` is why it was told to stop, None if it was not."""

    outcome: Outcome
    cause: StopCause | None
    node: str
    worker: str
    start_us: int
    end_us: int
    told: Reported


def decide(task: Task, ended: Ended, retries: Retries, random_source: random.Random) -> Transition:
    """Returns the transition of a task whose attempt is over.

    A handler that returned has done the work, whatever it was told meanwhile. Otherwise a stop for a
    shutdown costs nothing, a timeout is a failed attempt, and a failure is retried if it may be. That a
    cancellation outranks errors and retries is said in `transition.apply_to`.
    """
    error = _error(ended)
    attempt = Attempt(task.attempt, ended.node, ended.worker, ended.start_us, ended.end_us, error)
    key, told = task.key, ended.told
    if isinstance(ended.outcome, Succeeded):
        return transition.completed(key, attempt, ended.outcome.output, told)
    match ended.cause:
        case StopCause.SHUTDOWN:
            return transition.interrupted(key, attempt, told)
        case StopCause.DEADLINE:
            return transition.timed_out(key, attempt, told)
        case StopCause.CANCEL if isinstance(ended.outcome, Stopped):
            return transition.cancelled(key, attempt, told)
    postponed_us = ended.outcome.retry_after_us if isinstance(ended.outcome, Failed) else None
    if postponed_us is not None and ended.cause is None:
        return transition.retrying(key, attempt, told, delay_us=postponed_us, uses_retry=False)
    if may_retry(task, ended, retries):
        wait_us = delay_us(retries, task.retries_used + 1, random_source)
        return transition.retrying(key, attempt, told, delay_us=wait_us, uses_retry=True)
    if ended.cause is StopCause.TIMEOUT:
        return transition.timed_out(key, attempt, told)
    return transition.failed(key, attempt, told)


def may_retry(task: Task, ended: Ended, retries: Retries) -> bool:
    """Tells whether a failed attempt is followed by another one."""
    if isinstance(ended.outcome, Failed) and ended.outcome.fatal and ended.cause is None:
        return False
    error = _error(ended)
    return error is not None and retries.allows(task.retries_used, error.reason)


def _error(ended: Ended) -> TaskError | None:
    outcome = ended.outcome
    match ended.cause:
        case _ if isinstance(outcome, Succeeded):
            return None
        case StopCause.TIMEOUT:
            return transition.timeout_error("attempt", "the attempt took longer than its timeout")
        case StopCause.DEADLINE:
            return transition.timeout_error("deadline", "the task's deadline passed while it ran")
        case StopCause.CANCEL if isinstance(outcome, Stopped):
            return transition.cancelled_error("")
        case StopCause.SHUTDOWN if isinstance(outcome, Stopped):
            return TaskError(INTERNAL_CODE, "CLOSING", "the server stopped the attempt to shut down")
    if isinstance(outcome, Failed):
        domain = "handler" if outcome.from_handler else "millhand.v1"
        return TaskError(INTERNAL_CODE, outcome.reason, outcome.message, domain)
    return TaskError(INTERNAL_CODE, "HANDLER_FAILED", "the handler stopped without being told to")
