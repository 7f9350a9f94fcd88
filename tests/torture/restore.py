"""The last act: a backup is put in the place of the database, and a reader goes on from where it was.

What was acknowledged after the backup is lost then, by our hand; what must not be lost is that readers know.
"""

from __future__ import annotations

import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.torture.histories import Act, History, Restored
from tests.torture.server import ServerKeeper

from millhand import Client, Gap, Result, task_spec

#: How many results the reader sees that the backup has not; then more of them, which fill the same places.
_BEFORE = 20
_AFTER = 60

_PATIENCE_S = 30.0


def restore_a_backup(
    server: ServerKeeper, database: Path, history: History, say: Callable[[str], None]
) -> None:
    """Writes down what a reader saw of it. All must be at rest before, and the server ends up running."""
    backup = database.with_name("backup")
    with closing(sqlite3.connect(database)) as live, closing(sqlite3.connect(backup)) as copy:
        live.backup(copy)
    with Client(server.address, timeout=_PATIENCE_S) as client:
        _run_tasks(client, "before-the-restore", _BEFORE)
        cursor = ""
        for record in client.results(after="0", follow=False):
            cursor = record.cursor if isinstance(record, Result) else cursor
    history.write(Act(name="kill", detail="to restore a backup", pid=server.pid))
    say("restore a backup")
    _put_in_place(server, database, backup)
    with Client(server.address, timeout=_PATIENCE_S) as client:
        expected = _run_tasks(client, "after-the-restore", _AFTER)
        records = list(client.results(after=cursor, follow=False))
    seen = {record.task.id for record in records if isinstance(record, Result)}
    history.write(
        Restored(
            gap=any(isinstance(record, Gap) and record.log_replaced for record in records),
            missing=[task_id for task_id in expected if task_id not in seen],
        )
    )


def _run_tasks(client: Client, name: str, count: int) -> list[str]:
    ids = [f"{name}-{number}" for number in range(count)]
    client.register_many([task_spec("quick", id=task_id) for task_id in ids])
    client.wait(ids=ids, timeout=_PATIENCE_S)
    return ids


def _put_in_place(server: ServerKeeper, database: Path, backup: Path) -> None:
    """Overwrites the file in place, which is the hardest to notice."""
    server.hold()
    server.end_by(signal.SIGKILL, _PATIENCE_S)
    for end in ("-wal", "-shm"):
        database.with_name(f"{database.name}{end}").unlink(missing_ok=True)
    shutil.copyfile(backup, database)
    server.release()
    server.wait_ready(_PATIENCE_S)
