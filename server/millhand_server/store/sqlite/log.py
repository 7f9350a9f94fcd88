"""Reads the log of results."""

from __future__ import annotations

import sqlite3

from millhand_server.core.ports import LogPage
from millhand_server.core.query import Seen, TaskFilter, matches
from millhand_server.core.task import Task
from millhand_server.store.sqlite.filters import condition
from millhand_server.store.sqlite.rows import Rows
from millhand_server.store.sqlite.statements import statement

_FIRST = statement("log_first")
_SPAN = statement("log_span")
_OF_IDS = statement("log_of_ids")

#: How many positions one read looks at, so that a filter that matches little does not take long.
_SCANNED = 1_000

#: A final status is shown as it is, whatever the time.
_FINAL_ONLY = Seen(now_us=0)


def read_log(
    connection: sqlite3.Connection,
    rows: Rows,
    after: int,
    wanted: TaskFilter,
    *,
    last: int,
    limit: int,
    max_bytes: int,
) -> LogPage:
    """See `TaskStore.read_log`. Payloads count as output does: both are held in memory.

    The log is read up to `last`: what was committed since is known to nobody yet.
    """
    [first] = connection.execute(_FIRST).fetchone()
    after = max(after, first - 1)
    where = condition(wanted, _FINAL_ONLY)
    if wanted.ids and len(wanted.ids) <= _SCANNED:
        sql, until = _OF_IDS, max(after, last)
    else:
        sql, until = _SPAN, max(after, min(after + _SCANNED, last))
    found: list[Task] = []
    size = 0
    for row in connection.execute(where.into(sql), {**where.parameters, "after": after, "until": until}):
        task = rows.task(row)
        if not where.is_whole and not matches(wanted, task, _FINAL_ONLY):
            continue
        size += len(task.output) + len(task.spec.payload)
        if len(found) == limit or (found and size > max_bytes):
            # This one was looked at too, but the next page has to begin with it.
            until = task.position - 1
            break
        found.append(task)
    return LogPage(tuple(found), until, first, last)
