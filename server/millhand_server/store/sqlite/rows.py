"""Rows of the two tables as tasks, and back."""

from __future__ import annotations

from collections.abc import Sequence
from sys import intern
from typing import Any

import msgspec

from millhand_server.core.ports import Retention
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import EXPEDITED_PRIORITY, Attempt, Owner, Progress, Task, TaskError, TaskSpec
from millhand_server.store.expiry import expiry
from millhand_server.store.sqlite.faults import Damaged

Columns = Sequence[Any]


class _Detail(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What no statement looks into. New fields come last, so that old files can be read."""

    error: TaskError | None = None
    attempts: tuple[Attempt, ...] = ()
    progress: Progress | None = None
    last_heartbeat: bytes = b""
    heartbeat_us: int | None = None
    cancel_reason: str = ""
    worker: str = ""
    node: str = ""
    stuck: bool = False


class Rows:
    """Turns rows into tasks. Safe from any thread."""

    def __init__(self, retention: Retention) -> None:
        """Takes the retention in force: when a task goes is not stored, but derived from it."""
        self._retention = retention

    def task(self, row: Columns) -> Task:
        """Returns the task of a row of the statement `row`."""
        (
            sequence, status, queue, priority, urgency, create_us, due_us, start_by_us,
            owner_node, owner_epoch, attempt, retries_used, losses, start_us, complete_us, cancel_us,
            revision, position, packed, output, principal, session_id, token, start_timeout_us, spec,
        ) = row  # fmt: skip
        try:
            stored = _STATUSES[status]
            detail = _NO_DETAIL if packed is None else _decode_detail(packed)
            asked = _decode_spec(spec)
        except (KeyError, TypeError, ValueError, msgspec.DecodeError) as error:
            raise Damaged(sequence) from error
        return Task(
            spec=asked,
            sequence=sequence,
            status=stored,
            queue=intern(queue),
            priority=priority,
            create_us=create_us,
            due_us=due_us,
            start_timeout_us=start_timeout_us,
            start_by_us=start_by_us,
            principal=principal,
            session_id=session_id,
            token=token,
            expedited=urgency == EXPEDITED_PRIORITY,
            owner=None if owner_epoch is None else Owner(owner_node, owner_epoch),
            attempt=attempt,
            retries_used=retries_used,
            losses=losses,
            start_us=start_us,
            complete_us=complete_us,
            cancel_us=cancel_us,
            cancel_reason=detail.cancel_reason,
            expire_us=None if complete_us is None else expiry(stored, complete_us, self._retention),
            worker=detail.worker,
            node=detail.node,
            error=detail.error,
            output=output or b"",
            progress=detail.progress,
            last_heartbeat=detail.last_heartbeat,
            heartbeat_us=detail.heartbeat_us,
            attempts=detail.attempts,
            stuck=detail.stuck,
            revision=revision,
            position=position or 0,
        )


def new_columns(task: Task) -> tuple[Columns, Columns]:
    """Returns what `insert_task` and `insert_specification` take of a task that was accepted now.

    Raises:
        UnicodeEncodeError: a text is not Unicode.
        OverflowError: a number does not fit into 64 bits.
    """
    spec = task.spec
    state = (
        task.sequence, spec.id, task.queue, spec.fairness_key, spec.handler, task.priority, task.priority,
        int(task.status), task.create_us, task.due_us, task.start_by_us,
    )  # fmt: skip
    asked = (
        task.sequence, task.principal, task.session_id, spec.correlation_id, spec.idempotency_key, task.token,
        task.start_timeout_us, _encode(spec),
    )  # fmt: skip
    return state, asked


def changed_columns(task: Task, weight: int | None) -> Columns:
    """Returns what `change_task` takes of a task as it is now; `weight` is a final one's, None of others.

    Raises:
        UnicodeEncodeError: a text is not Unicode.
        OverflowError: a number does not fit into 64 bits.
    """
    owner = task.owner
    return (
        int(task.status), task.order_key()[0], task.due_us, task.start_by_us,
        owner and owner.node, owner and owner.epoch, task.attempt, task.retries_used, task.losses,
        task.start_us, task.complete_us, task.cancel_us, task.revision,
        task.position or None, weight,
        _packed_detail(task), task.output or None, task.sequence,
    )  # fmt: skip


def _packed_detail(task: Task) -> bytes:
    return _encode(
        _Detail(
            task.error,
            task.attempts,
            task.progress,
            task.last_heartbeat,
            task.heartbeat_us,
            task.cancel_reason,
            task.worker,
            task.node,
            task.stuck,
        )
    )


_encode = msgspec.msgpack.Encoder().encode
_decode_spec = msgspec.msgpack.Decoder(TaskSpec).decode
_decode_detail = msgspec.msgpack.Decoder(_Detail).decode
_NO_DETAIL = _Detail()
_STATUSES = {status.value: status for status in TaskStatus}
