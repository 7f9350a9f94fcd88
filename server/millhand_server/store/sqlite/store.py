"""The SQLite store: core's `TaskStore` over one file. Each verb is a job for one of two threads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from sqlite3 import Connection

from millhand_server.core.errors import StoreUnavailable
from millhand_server.core.ports import (
    Applied,
    CancelMark,
    Claimed,
    Clock,
    Found,
    InsertResult,
    LaneHead,
    LogPage,
    Overdue,
    Pruned,
    Recovered,
    Retention,
    Want,
)
from millhand_server.core.query import Page, Seen, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Lane, NewTask, Owner, Task
from millhand_server.core.transition import Transition
from millhand_server.store.sqlite import accepting, claiming, log, pruning
from millhand_server.store.sqlite.changing import Changes
from millhand_server.store.sqlite.checkpoints import Checkpoints
from millhand_server.store.sqlite.ledger import Ledger
from millhand_server.store.sqlite.listing import Listing
from millhand_server.store.sqlite.lives import Lives
from millhand_server.store.sqlite.opening import Database
from millhand_server.store.sqlite.pulse import Pulse
from millhand_server.store.sqlite.reader import Reader
from millhand_server.store.sqlite.recent import RecentResults
from millhand_server.store.sqlite.rows import Rows
from millhand_server.store.sqlite.statements import statement
from millhand_server.store.sqlite.writer import Desk, Writer, as_json

logger = logging.getLogger(__name__)

_BY_ID = statement("tasks_by_id")

#: How many rows one read of rows by id gives at once, and lanes one read of lanes.
_IDS = 200
_LANES = 500


@dataclass(frozen=True, slots=True)
class SqliteOptions:
    """Where the tasks are, and how sure a commit is.

    With `synchronous` FULL what was acknowledged outlives a loss of power; with NORMAL only the end of the
    process, and a loss of power takes the last moments with it.
    """

    path: Path
    synchronous: str = "FULL"


class SqliteStore:
    """Implements `TaskStore`. Nothing is answered before it is committed; the retention is kept by `prune`.

    `on_fatal` is called on the loop, once, with a sentence, when the file failed so that nobody knows what it
    holds: the process should end then, for a new start reads the file anew. Verbs fail until it does.
    """

    name = "sqlite"
    durable = True

    def __init__(
        self,
        options: SqliteOptions,
        clock: Clock,
        retention: Retention | None = None,
        *,
        on_fatal: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._options = options
        self._clock = clock
        self._retention = retention or Retention()
        self._on_fatal = on_fatal
        self._rows = Rows(self._retention)
        self._open: _Open | None = None
        self._is_closed = False

    async def open(self) -> str:
        """See `TaskStore.open`.

        Raises:
            CannotOpen: the file cannot be used as it is; the message says what to do.
        """
        if self._is_closed:
            raise StoreUnavailable("the store is closed")
        if self._open is None:
            options = self._options
            database = await asyncio.to_thread(Database, options.path, options.synchronous, self._clock)
            self._open = _Open(database, self._rows, self._on_fatal)
        return self._open.database.epoch

    async def close(self) -> None:
        self._is_closed = True
        if self._open is not None:
            opened, self._open = self._open, None
            await opened.close()

    async def insert(self, tasks: Sequence[NewTask], *, atomic: bool, max_waiting: int) -> list[InsertResult]:
        intake = accepting.Intake(tasks, atomic, max_waiting)
        return await self._opened.writer.submit_part(self._take_in, intake)

    async def claim(self, wants: Sequence[Want], *, limit: int, owner: Owner) -> Claimed:
        # After a loss of power nobody holds anything, so a claim may be lost with it.
        return await self._opened.writer.submit(
            lambda desk: claiming.claim(desk, wants, limit=limit, owner=owner, now_us=self._now(desk.ledger)),
            is_lasting=False,
        )

    async def apply(self, transitions: Sequence[Transition]) -> list[Applied]:
        return await self._opened.writer.submit(lambda desk: self._changes(desk).apply(transitions))

    async def cancel(self, ids: Sequence[str], reason: str) -> list[CancelMark]:
        return await self._opened.writer.submit(lambda desk: self._changes(desk).cancel(ids, reason))

    async def recover(self, owner: Owner, *, limit: int) -> Recovered:
        return await self._opened.writer.submit(lambda desk: self._changes(desk).recover(owner, limit))

    async def prune(self, retention: Retention) -> Pruned:
        return await self._opened.writer.submit(
            lambda desk: pruning.prune(desk, retention, self._now(desk.ledger))
        )

    async def get(self, ids: Sequence[str]) -> list[Task | None]:
        found: dict[str, Task] = {}
        for start in range(0, len(ids), _IDS):
            part = partial(_read_by_id, self._rows, as_json(ids[start : start + _IDS]))
            found.update((row.id, row) for row in await self._opened.reader.submit(part))
        return [found.get(task_id) for task_id in ids]

    async def find(self, wanted: TaskFilter, page: Page, seen: Seen) -> Found:
        return await self._opened.listing.find(wanted, page, seen)

    async def count(self, wanted: TaskFilter, seen: Seen, *, limit: int) -> dict[TaskStatus, int]:
        return await self._opened.listing.count(wanted, seen, limit=limit)

    async def ahead_of(self, task: Task) -> int:
        return await self._opened.reader.submit(
            lambda connection: claiming.count_ahead(connection, task, self._times())
        )

    async def lanes(self) -> list[LaneHead]:
        states: list[LaneHead] = []
        after: Lane | None = None
        while True:
            page = await self._opened.reader.submit(
                partial(claiming.lane_states, after=after, limit=_LANES, times=self._times())
            )
            states += page
            if len(page) < _LANES:
                return states
            after = page[-1].lane

    async def overdue(self, limit: int) -> Overdue:
        return await self._opened.reader.submit(
            lambda connection: claiming.overdue(connection, self._rows, limit, self._clock.now_us())
        )

    async def read_log(self, after: int, wanted: TaskFilter, *, limit: int, max_bytes: int) -> LogPage:
        recent = self._opened.recent
        page = recent.read(after, wanted, limit=limit, max_bytes=max_bytes)
        if page is not None:
            return page
        last = recent.last
        return await self._opened.reader.submit(
            lambda connection: log.read_log(
                connection, self._rows, after, wanted, last=last, limit=limit, max_bytes=max_bytes
            )
        )

    def figures(self) -> dict[str, int]:
        if self._open is None:
            return {}
        database = self._open.database
        return {"database": database.path.stat().st_size, "wal": database.wal.used_bytes()}

    @property
    def _opened(self) -> _Open:
        if self._open is None:
            raise StoreUnavailable("the store is closed" if self._is_closed else "the store is not open")
        return self._open

    def _take_in(self, desk: Desk, intakes: Sequence[accepting.Intake]) -> list[list[InsertResult]]:
        return accepting.insert(desk, intakes, now_us=self._now(desk.ledger))

    def _changes(self, desk: Desk) -> Changes:
        return Changes(desk, self._retention, self._now(desk.ledger))

    def _now(self, ledger: Ledger) -> int:
        now_us = self._clock.now_us()
        ledger.latest_us = max(ledger.latest_us, now_us)
        return now_us

    def _times(self) -> claiming.Times:
        now_us = self._clock.now_us()
        return claiming.Times(now_us, max(now_us, self._opened.database.ledger.latest_us))


class _Open:
    """What is there while the file is open: its threads, and who works on them."""

    def __init__(self, database: Database, rows: Rows, on_fatal: Callable[[str], None]) -> None:
        self.database = database
        ledger = database.ledger
        self.recent = RecentResults(ledger.first_position, ledger.last_position)
        self.checkpoints = Checkpoints(database.wal, database.connect_for_checkpoints)
        self.writer = Writer(
            database.writing,
            Desk(database.writing, rows, database.ledger, Lives(database.earlier_until_us)),
            database.path,
            waits_for_disk=database.synchronous == "FULL",
            after_commit=self.checkpoints.after_commit,
            on_results=self._mark,
            publish=self.recent.add,
            on_fatal=on_fatal,
        )
        self.pulse = Pulse(database, self.writer.break_off)
        self._reading = database.connect_to_read()
        self.reader = Reader(self._reading, database.path, self.writer.break_off)
        self.listing = Listing(self.reader, rows, database.ledger)

    async def close(self) -> None:
        await self.writer.stop()
        await self.reader.stop()
        await asyncio.to_thread(self._close_files)

    def _close_files(self) -> None:
        self.pulse.stop()
        self.checkpoints.stop()
        self._reading.close()
        # The last one that is closed carries the write-ahead log over.
        self.database.close()

    def _mark(self, position: int) -> None:
        try:
            self.database.mark(position)
        except OSError as error:
            logger.warning("%s: how far the log is cannot be noted beside it: %s", self.database.path, error)


def _read_by_id(rows: Rows, ids: str, connection: Connection) -> list[Task]:
    return [rows.task(row) for row in connection.execute(_BY_ID, (ids,))]
