"""The one thread that changes the database: in groups of jobs, with one transaction and one sync a group."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from millhand_server.core.errors import StoreUnavailable
from millhand_server.core.task import Task
from millhand_server.store.sqlite.cache import RowCache
from millhand_server.store.sqlite.faults import Fault, StoreBroken, fault_of, sentence, unavailable
from millhand_server.store.sqlite.jobs import Job, JobThread
from millhand_server.store.sqlite.ledger import Ledger
from millhand_server.store.sqlite.lives import Lives
from millhand_server.store.sqlite.rows import Columns, Rows
from millhand_server.store.sqlite.statements import Bulk, statement

T = TypeVar("T")
P = TypeVar("P")

logger = logging.getLogger(__name__)

_BY_ID = statement("tasks_by_id")
_BY_SEQUENCE = statement("tasks_by_sequence")
_WRITE_LEDGER = statement("write_ledger")


class Desk:
    """What a job works with, on the writing thread: the open transaction, and what is known unread."""

    def __init__(self, connection: sqlite3.Connection, rows: Rows, ledger: Ledger, lives: Lives) -> None:
        self.execute = connection.execute
        self.rows = rows
        self.ledger = ledger
        self.lives = lives
        self.cache = RowCache()
        #: What the open transaction adds to the log, in order.
        self.results: list[Task] = []

    def by_id(self, ids: Sequence[str]) -> dict[str, Task]:
        """Reads the rows with these ids that exist."""
        known = {task_id: row for task_id in ids if (row := self.cache.get(task_id)) is not None}
        unknown = [task_id for task_id in ids if task_id not in known]
        if unknown:
            known.update((row.id, row) for row in self.read(_BY_ID, (as_json(unknown),)))
        return known

    def write(self, bulk: Bulk, rows: Sequence[Columns]) -> None:
        """Runs a statement for many rows."""
        for sql, parameters in bulk.parts(rows):
            self.execute(sql, parameters)

    def by_sequence(self, sequences: Sequence[int]) -> list[Task]:
        """Reads rows that exist."""
        return self.read(_BY_SEQUENCE, (as_json(sequences),))

    def read(self, sql: str, parameters: Columns) -> list[Task]:
        """Runs a statement that gives whole rows."""
        return [self.rows.task(row) for row in self.execute(sql, parameters)]


class Writer:
    """Runs jobs. An answer waits for the commit of its group; a job that fails leaves the others alone.

    After a fault that nobody can judge it calls `on_fatal` on the loop with a sentence, once, and takes
    nothing more.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        desk: Desk,
        path: Path,
        *,
        waits_for_disk: bool,
        after_commit: Callable[[sqlite3.Connection], None],
        on_results: Callable[[int], None],
        publish: Callable[[Sequence[Task], int, int], None],
        on_fatal: Callable[[str], None],
    ) -> None:
        """Takes what to do between two transactions, and whom to tell of the log's last position first.

        `publish` is called on the loop, before anybody has an answer, with the results that were added to the
        log and its first and last position.
        With `waits_for_disk` the connection's commits wait until they are on the disk.
        """
        self._connection = connection
        self._desk = desk
        self._path = path
        self._may_wait = waits_for_disk
        self._waits = waits_for_disk
        self._after_commit = after_commit
        self._on_results = on_results
        self._publish = publish
        #: What was committed and is not published yet, and the bounds of the log that are.
        self._unpublished: list[Task] = []
        self._published = _bounds(desk.ledger)
        self._on_fatal = on_fatal
        self._loop = asyncio.get_running_loop()
        self._broken: str | None = None
        self._thread = JobThread("millhand-store-writer", self._do)

    def submit(self, work: Callable[[Desk], T], *, is_lasting: bool = True) -> asyncio.Future[T]:
        """Has a job done in a transaction; one that need not be lasting may not be on the disk then."""
        return self._thread.submit(work, is_lasting=is_lasting)

    def submit_part(self, work: Callable[[Desk, list[P]], list[T]], part: P) -> asyncio.Future[T]:
        """Has a part of some work done, with all the parts of it that are in the same transaction."""
        return self._thread.submit_part(work, part)

    def break_off(self, why: str) -> StoreBroken:
        """Takes no more work, and says why, to `on_fatal` too. Safe from any thread."""
        return self._break(why)

    async def stop(self) -> None:
        """Returns when everything submitted before is done, and the sums are in the file."""
        with contextlib.suppress(StoreUnavailable):  # then they are as they were, and can be counted again
            await self.submit(lambda desk: desk.execute(_WRITE_LEDGER, desk.ledger.stored()))
        await self._thread.stop()

    def _do(self, group: Sequence[Job]) -> Callable[[], None] | None:
        if not group:
            return None
        before = msgspec.structs.replace(self._desk.ledger)
        try:
            self._commit(group, before)
        except Exception as error:
            self._fail(group, error)
            self._undo(before)
        else:
            self._unpublished += self._desk.results
        self._desk.results = []
        self._after_commit(self._connection)
        return self._news()

    def _news(self) -> Callable[[], None] | None:
        bounds = _bounds(self._desk.ledger)
        if bounds == self._published:
            return None
        results, self._unpublished, self._published = self._unpublished, [], bounds
        return partial(self._publish, results, *bounds)

    def _commit(self, group: Sequence[Job], before: Ledger) -> None:
        if self._broken:
            raise StoreUnavailable(self._broken)
        self._wait_for_disk(self._may_wait and any(job.is_lasting for job in group))
        execute, ledger = self._connection.execute, self._desk.ledger
        execute("BEGIN IMMEDIATE")
        try:
            _run_all(group, self._desk)
        except Exception:
            if len(group) == 1:
                raise
            # One of them failed. Which, and only that one, is found out by doing each by itself.
            self._undo(before)
            execute("BEGIN IMMEDIATE")
            for job in group:
                self._run_beside_others(job)
        if self._broken:
            raise StoreBroken(self._broken)
        if ledger.of_results() != before.of_results():
            execute(_WRITE_LEDGER, ledger.stored())
        try:
            execute("COMMIT")
        except sqlite3.Error as error:
            if fault_of(error) is not Fault.PASSING:
                raise self._break(sentence(error, self._path)) from None
            raise
        if ledger.last_position != before.last_position:
            self._on_results(ledger.last_position)

    def _wait_for_disk(self, waits: bool) -> None:
        if waits is not self._waits:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if waits else 'NORMAL'}")
            self._waits = waits

    def _run_beside_others(self, job: Job) -> None:
        execute, ledger = self._connection.execute, self._desk.ledger
        before, results = msgspec.structs.replace(ledger), list(self._desk.results)
        execute("SAVEPOINT job")
        try:
            _run_all([job], self._desk)
        except Exception as error:
            if not self._connection.in_transaction:
                # SQLite has undone the whole group already.
                raise
            execute("ROLLBACK TO job")
            ledger.set_to(before)
            self._desk.results = results
            self._desk.cache.clear()
            job.error = self._judged(error)
        execute("RELEASE job")

    def _fail(self, group: Sequence[Job], error: Exception) -> None:
        judged = self._judged(error)
        for job in group:
            job.error = job.error or judged

    def _undo(self, before: Ledger) -> None:
        self._desk.ledger.set_to(before)
        self._desk.results = []
        self._desk.cache.clear()
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                self._break(sentence(error, self._path))

    def _judged(self, error: Exception) -> Exception:
        if not isinstance(error, sqlite3.Error):
            return error
        match fault_of(error):
            case Fault.PASSING:
                return unavailable(error, self._path)
            case Fault.FATAL:
                return self._break(sentence(error, self._path))
            case Fault.OURS:
                return error

    def _break(self, why: str) -> StoreBroken:
        """Takes no more work: what the file holds now, only a new start can tell."""
        if self._broken is None:
            self._broken = why
            logger.critical("%s", why)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is there to be told
                self._loop.call_soon_threadsafe(self._on_fatal, why)
        return StoreBroken(why)


def _run_all(group: Sequence[Job], desk: Desk) -> None:
    """Does jobs in their order, but for parts of the same work, which are done first and at once.

    Each call of SQLite gives the interpreter's lock away, and a busy event loop gives it back late: what has
    gathered is done in as few as can be.
    """
    parts: dict[Callable[..., list[Any]], list[Job]] = {}
    for job in group:
        if job.part is not None:
            parts.setdefault(job.work, []).append(job)
    for work, jobs in parts.items():
        for job, result in zip(jobs, work(desk, [job.part for job in jobs]), strict=True):
            job.result = result
    for job in group:
        if job.part is None:
            job.result = job.work(desk)


def _bounds(ledger: Ledger) -> tuple[int, int]:
    return ledger.first_position, ledger.last_position


def as_json(values: Sequence[object]) -> str:
    """Returns values as what `json_each` reads."""
    return msgspec.json.encode(values).decode()
