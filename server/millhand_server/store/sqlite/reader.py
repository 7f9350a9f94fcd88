"""The thread that reads beside the writer: each job sees one moment of what is committed, and is short."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from millhand_server.store.sqlite.faults import Fault, fault_of, sentence, unavailable
from millhand_server.store.sqlite.jobs import Job, JobThread

T = TypeVar("T")


class Reader:
    """Runs jobs that only read. A long walk is many jobs, so that it neither holds up others nor the log."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, on_damage: Callable[[str], Exception]
    ) -> None:
        """Takes whom to tell, on the reading thread, of what nobody can read."""
        self._connection = connection
        self._path = path
        self._on_damage = on_damage
        self._thread = JobThread("millhand-store-reader", self._do)

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Has a job done on what is committed now."""
        return self._thread.submit(work)

    async def stop(self) -> None:
        """Returns when everything submitted before is done."""
        await self._thread.stop()

    def _do(self, group: Sequence[Job]) -> None:
        for job in group:
            try:
                with _Moment(self._connection):
                    job.result = job.work(self._connection)
            except sqlite3.Error as error:
                job.error = self._judged(error)
            except Exception as error:
                job.error = error

    def _judged(self, error: sqlite3.Error) -> Exception:
        match fault_of(error):
            case Fault.PASSING:
                return unavailable(error, self._path)
            case Fault.FATAL:
                return self._on_damage(sentence(error, self._path))
            case Fault.OURS:
                return error


class _Moment:
    """A transaction that reads; statements in it see the same state."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN")

    def __exit__(self, *_: object) -> None:
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")
