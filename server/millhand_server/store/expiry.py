"""When results and rows go, which every store decides alike."""

from __future__ import annotations

from millhand_server.core.ports import Retention
from millhand_server.core.status import TaskStatus


def expiry(status: TaskStatus, complete_us: int, retention: Retention) -> int | None:
    """Returns when the row goes: with its result, or, if it FAILED, when both ages have passed."""
    ages = [retention.age_us]
    if status is TaskStatus.FAILED:
        ages.append(retention.failed_age_us)
    return None if 0 in ages else complete_us + max(ages)


def is_past(complete_us: int, age_us: int, now_us: int) -> bool:
    """Tells whether something that became final then is older than this age; 0 is no limit."""
    return age_us > 0 and complete_us + age_us <= now_us
