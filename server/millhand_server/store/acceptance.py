"""What every store decides alike when a task comes in: the row that it becomes, or what it meets."""

from __future__ import annotations

from millhand_server.core.ports import Conflict
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import NewTask, Task, TaskSpec
from millhand_server.core.transition import start_by


def first_row(new: NewTask, *, sequence: int, now_us: int) -> Task:
    """Returns the row of a task accepted now.

    A `run_at` that has passed stands for now. A deadline that has passed is accepted: the row is overdue
    from the start.
    """
    spec, due_us = new.spec, now_us
    if spec.run_at_us is not None or spec.delay_us is not None:
        due_us = _due(spec, now_us)
    return Task(
        spec=spec,
        sequence=sequence,
        status=_SCHEDULED if due_us > now_us else _QUEUED,
        queue=new.queue,
        priority=new.priority,
        create_us=now_us,
        due_us=due_us,
        start_timeout_us=new.start_timeout_us,
        start_by_us=start_by(spec.deadline_us, new.start_timeout_us, due_us),
        principal=new.principal,
        session_id=new.session_id,
        token=new.token,
    )


def known(new: NewTask, by_id: Task | None, by_key: Task | None) -> Task | Conflict | None:
    """Returns the row that this request made before, or what it collides with; None for a new task.

    `by_id` and `by_key` are the rows found under its id, and under its principal and idempotency key.
    """
    if by_id is not None:
        same = by_id.principal == new.principal and by_id.spec.same_content(new.spec)
        return by_id if same else Conflict("id", by_id.id)
    if by_key is not None:
        # Another id that the caller chose itself names another task; a generated one names nothing yet.
        same = not new.id_given and by_key.spec.same_content(new.spec)
        return by_key if same else Conflict("idempotency_key", by_key.id)
    return None


#: CPython 3.11 looks a member up by its name each time, which takes ten times as long as this.
_QUEUED, _SCHEDULED = TaskStatus.QUEUED, TaskStatus.SCHEDULED


def _due(spec: TaskSpec, now_us: int) -> int:
    if spec.run_at_us is not None:
        return max(spec.run_at_us, now_us)
    return now_us + (spec.delay_us or 0)
