"""How much memory a task takes. Whatever callers and handlers can make large counts."""

from __future__ import annotations

from millhand_server.core.task import Task, TaskError

#: Bytes that a row, its indexes and an empty specification take, measured. With what was asked and what has
#: happened they are its weight.
ROW_BYTES = 700

#: Likewise one ended attempt, one label and one reason.
_ATTEMPT_BYTES = 150
_LABEL_BYTES = 100
_REASON_BYTES = 60


def weight(task: Task) -> int:
    """Returns about how many bytes of memory a task takes."""
    return ROW_BYTES + asked(task) + happened(task)


def asked(task: Task) -> int:
    """Returns about how many bytes the request of a task takes, more than one that asks for nothing.

    As long as a task is there this stays as it is; its burden is this and what has `happened`.
    """
    spec = task.spec
    names = (spec.id, spec.name, spec.idempotency_key, spec.correlation_id, task.session_id, task.principal)
    # Most texts are empty or short: to join them takes half the time of asking each for its length.
    total = len(spec.payload) + len("".join((*names, spec.description, spec.traceparent)))
    if spec.labels:
        for name, value in spec.labels.items():
            total += _LABEL_BYTES + len(name) + len(value)
    if spec.retry_policy is not None:
        for reason in spec.retry_policy.non_retryable_reasons:
            total += _REASON_BYTES + len(reason)
    return total


def happened(task: Task) -> int:
    """Returns about how many bytes all take that became of a task since it was accepted."""
    total = len(task.output) + len(task.last_heartbeat) + len(task.cancel_reason)
    for attempt in task.attempts:
        total += _ATTEMPT_BYTES
        if attempt.error is not None:
            total += _of_error(attempt.error)
    if task.progress is not None:
        total += len(task.progress.message)
    # A task that failed has its last attempt's error, the same object.
    if task.error is not None and not (task.attempts and task.error is task.attempts[-1].error):
        total += _of_error(task.error)
    return total


def _of_error(error: TaskError) -> int:
    return len(error.message) + len(error.reason) + sum(map(len, error.metadata.values()))
