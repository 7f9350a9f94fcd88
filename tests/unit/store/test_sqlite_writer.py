from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from millhand_server.core.errors import StoreOutcomeUnknown, StoreUnavailable
from millhand_server.core.ports import Retention
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Task, TaskSpec
from millhand_server.store.sqlite.faults import StoreBroken
from millhand_server.store.sqlite.ledger import Ledger
from millhand_server.store.sqlite.lives import Lives
from millhand_server.store.sqlite.migrating import migrate
from millhand_server.store.sqlite.rows import Rows
from millhand_server.store.sqlite.statements import statement
from millhand_server.store.sqlite.writer import Desk, Writer

DEADLINE_S = 10


class Connection(sqlite3.Connection):
    """Fails when a statement is run for which a test has put an error code."""

    codes: dict[str, int]

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        code = self.codes.get(sql)
        if code is not None:
            error = sqlite3.OperationalError("as the test wished")
            error.sqlite_errorcode = code
            raise error
        return super().execute(sql, parameters)


@pytest.fixture
def connection() -> Connection:
    connection = sqlite3.connect(
        ":memory:", isolation_level=None, check_same_thread=False, factory=Connection
    )
    connection.codes = {}
    migrate(connection, Path("tasks.db"))
    connection.execute(statement("begin_ledger"), ("0" * 16,))
    connection.execute("CREATE TABLE note (text TEXT UNIQUE)")
    return connection


@pytest.fixture
def told() -> list[str]:
    """What the writer said was fatal."""
    return []


@pytest.fixture
async def writer(connection: Connection, told: list[str]) -> AsyncIterator[Writer]:
    writer = Writer(
        connection,
        Desk(connection, Rows(Retention()), Ledger(0, 1, 0, 0, 0, 0, 0), Lives(0)),
        Path("tasks.db"),
        waits_for_disk=True,
        after_commit=lambda _: None,
        on_results=lambda _: None,
        publish=lambda *_: None,
        on_fatal=told.append,
    )
    yield writer
    await writer.stop()
    connection.close()


def _note(writer: Writer, text: str) -> asyncio.Future[str]:
    def write(desk: Desk) -> str:
        desk.execute("INSERT INTO note VALUES (?)", (text,))
        return text

    return writer.submit(write)


def _notes(writer: Writer) -> asyncio.Future[list[str]]:
    return writer.submit(lambda desk: [text for (text,) in desk.execute("SELECT text FROM note")])


@pytest.mark.parametrize("statement", ["BEGIN IMMEDIATE", "COMMIT"])
@pytest.mark.parametrize(
    "code",
    [
        pytest.param(sqlite3.SQLITE_FULL, id="full"),
        pytest.param(sqlite3.SQLITE_READONLY, id="read-only"),
        pytest.param(sqlite3.SQLITE_BUSY, id="locked"),
        pytest.param(sqlite3.SQLITE_IOERR | (19 << 8), id="no room for the index of the log"),
    ],
)
async def test_a_commit_for_which_there_is_no_room_changes_nothing_and_the_next_goes_well(
    writer: Writer, connection: Connection, told: list[str], statement: str, code: int
) -> None:
    connection.codes[statement] = code

    with pytest.raises(StoreUnavailable) as raised:
        await _note(writer, "a")
    del connection.codes[statement]
    await _note(writer, "b")

    assert not isinstance(raised.value, StoreOutcomeUnknown)
    assert "nothing was changed" in raised.value.message
    assert await _notes(writer) == ["b"]
    assert told == []


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(sqlite3.SQLITE_IOERR_FSYNC, id="sync failed"),
        pytest.param(sqlite3.SQLITE_IOERR_WRITE, id="write failed"),
        pytest.param(sqlite3.SQLITE_CORRUPT, id="damaged"),
    ],
)
async def test_a_commit_that_fails_for_good_has_an_unknown_outcome_and_is_the_last(
    writer: Writer, connection: Connection, told: list[str], code: int
) -> None:
    connection.codes["COMMIT"] = code

    with pytest.raises(StoreBroken):
        await _note(writer, "a")
    connection.codes.clear()
    with pytest.raises(StoreUnavailable):
        await _note(writer, "b")

    assert issubclass(StoreBroken, StoreOutcomeUnknown)
    assert len(told) == 1
    assert "tasks.db" in told[0]


async def test_jobs_that_gather_are_one_transaction(writer: Writer, connection: Connection) -> None:
    connection.codes["COMMIT"] = sqlite3.SQLITE_FULL
    first = _note(writer, "first")
    with pytest.raises(StoreUnavailable):
        await first
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    connection.codes.clear()

    # The writer is busy with the first while the others gather.
    await asyncio.gather(*(_note(writer, f"n{n}") for n in range(50)))

    connection.set_trace_callback(None)
    assert statements.count("COMMIT") < 25
    assert len(await _notes(writer)) == 50


async def test_a_job_that_fails_is_undone_and_its_neighbours_are_not(writer: Writer) -> None:
    def fail(desk: Desk) -> None:
        desk.execute("INSERT INTO note VALUES ('half')")
        raise ValueError("as the test wished")

    results = await asyncio.gather(
        _note(writer, "a"), writer.submit(fail), _note(writer, "b"), return_exceptions=True
    )
    alone = await asyncio.gather(writer.submit(fail), return_exceptions=True)

    assert [type(result) for result in [*results, *alone]] == [str, ValueError, str, ValueError]
    assert await _notes(writer) == ["a", "b"]


async def test_a_statement_that_is_wrong_fails_its_own_job_only(writer: Writer, told: list[str]) -> None:
    results = await asyncio.gather(
        _note(writer, "a"), _note(writer, "a"), _note(writer, "b"), return_exceptions=True
    )

    assert [type(result) for result in results] == [str, sqlite3.IntegrityError, str]
    assert told == []


async def _keep_busy(writer: Writer, until: threading.Event) -> None:
    """Keeps the writer busy until the event, so that what is submitted meanwhile is one group."""
    begun = threading.Event()

    def wait(_: Desk) -> None:
        begun.set()
        until.wait(DEADLINE_S)

    writer.submit(wait)
    await asyncio.to_thread(begun.wait, DEADLINE_S)


async def test_parts_of_the_same_work_that_gather_are_done_at_once(writer: Writer) -> None:
    calls: list[list[int]] = []

    def double(desk: Desk, parts: list[int]) -> list[int]:
        calls.append(parts)
        return [2 * part for part in parts]

    gathered = threading.Event()
    await _keep_busy(writer, until=gathered)
    doubled = [writer.submit_part(double, 1), writer.submit_part(double, 2)]
    note = _note(writer, "between")
    doubled.append(writer.submit_part(double, 3))
    gathered.set()

    assert await asyncio.gather(*doubled) == [2, 4, 6]
    assert await note == "between"
    assert calls == [[1, 2, 3]]


async def test_a_part_that_fails_is_found_and_its_neighbours_are_done_all_the_same(writer: Writer) -> None:
    def write(desk: Desk, parts: list[str]) -> list[str]:
        for part in parts:
            desk.execute("INSERT INTO note VALUES (?)", (part,))
        if "bad" in parts:
            raise ValueError("as the test wished")
        return parts

    gathered = threading.Event()
    await _keep_busy(writer, until=gathered)
    results = [writer.submit_part(write, part) for part in ("a", "bad", "b")]
    gathered.set()

    ended = await asyncio.gather(*results, return_exceptions=True)
    assert [type(end) for end in ended] == [str, ValueError, str]
    assert await _notes(writer) == ["a", "b"]


async def test_results_are_published_before_anybody_has_an_answer(connection: Connection) -> None:
    seen: list[str] = []
    desk = Desk(connection, Rows(Retention()), Ledger(0, 1, 0, 0, 0, 0, 0), Lives(0))
    writer = Writer(
        connection,
        desk,
        Path("tasks.db"),
        waits_for_disk=True,
        after_commit=lambda _: None,
        on_results=lambda _: None,
        publish=lambda tasks, first, last: seen.append(f"published {len(tasks)} {first} {last}"),
        on_fatal=lambda _: None,
    )

    def end_one(desk: Desk) -> None:
        desk.ledger.last_position += 1
        desk.results.append(_RESULT)

    def end_one_and_fail(desk: Desk) -> None:
        end_one(desk)
        raise ValueError("as the test wished")

    for work in (end_one, end_one_and_fail, end_one):
        ended = writer.submit(work)
        ended.add_done_callback(lambda _: seen.append("answered"))
        await asyncio.gather(ended, return_exceptions=True)

    assert seen == ["published 1 1 1", "answered", "answered", "published 1 1 2", "answered"]
    await writer.stop()
    connection.close()


_RESULT = Task(
    spec=TaskSpec(id="t", handler="echo"),
    sequence=1,
    status=TaskStatus.COMPLETED,
    queue="default",
    priority=0,
    create_us=0,
    due_us=0,
)


async def test_work_after_the_end_is_refused(connection: Connection, writer: Writer) -> None:
    await writer.stop()

    with pytest.raises(StoreUnavailable):
        await _note(writer, "late")


async def test_a_fault_between_two_transactions_reaches_its_callers_and_holds_up_nobody_else(
    connection: Connection, told: list[str]
) -> None:
    faults = [RuntimeError("as the test wished")]

    def after_commit(_: sqlite3.Connection) -> None:
        if faults:
            raise faults.pop()

    desk = Desk(connection, Rows(Retention()), Ledger(0, 1, 0, 0, 0, 0, 0), Lives(0))
    writer = Writer(
        connection,
        desk,
        Path("tasks.db"),
        waits_for_disk=True,
        after_commit=after_commit,
        on_results=lambda _: None,
        publish=lambda *_: None,
        on_fatal=told.append,
    )

    with pytest.raises(RuntimeError):
        await _note(writer, "a")
    await _note(writer, "b")

    assert await _notes(writer) == ["a", "b"]
    await writer.stop()
    connection.close()


async def test_only_groups_that_need_not_be_lasting_do_not_wait_for_the_disk(writer: Writer) -> None:
    gathered = threading.Event()

    def level(desk: Desk) -> int:
        number: int = desk.execute("PRAGMA synchronous").fetchone()[0]
        return number

    alone = [await writer.submit(level, is_lasting=is_lasting) for is_lasting in (False, True, False)]
    first = writer.submit(lambda _: gathered.wait(DEADLINE_S))
    together = [
        writer.submit(level, is_lasting=False),
        writer.submit(level),
        writer.submit(level, is_lasting=False),
    ]
    gathered.set()
    await first

    full, normal = 2, 1
    assert alone == [normal, full, normal]
    assert await asyncio.gather(*together) == [full, full, full]
