from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.contract.steps import claim, complete, log_ids, put, read, start
from tests.fakes.tasks import ECHO, new_task

from millhand_server.core.ports import Full, Pruned, Retention
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US, Owner
from millhand_server.store.sqlite import SqliteOptions, SqliteStore
from millhand_server.testing.clock import FakeClock

Open = Callable[[], SqliteStore]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tasks.db"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def stores(path: Path, clock: FakeClock) -> AsyncIterator[Open]:
    """Makes stores on one file, one after the other, and closes the last."""
    made: list[SqliteStore] = []

    def make() -> SqliteStore:
        made.append(SqliteStore(SqliteOptions(path), clock))
        return made[-1]

    yield make
    for store in made:
        await store.close()


def _work_and_die(path: Path, lines: int) -> list[list[str]]:
    """Runs a program on the file and kills it in the middle; returns what it said was acknowledged."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.store.inserting", path], stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    with worker:
        said = [worker.stdout.readline() for _ in range(lines)]
        worker.kill()
        said += worker.stdout.readlines()
    return [line.split() for line in said if line.endswith("\n")]


async def test_what_was_acknowledged_is_there_after_a_kill(path: Path, stores: Open) -> None:
    done: list[list[str]] = []
    epochs: set[str] = set()
    for lines in (1, 20, 60, 100, 150, 300):
        said = _work_and_die(path, lines)
        store = stores()
        epochs.add(await store.open())
        rows = {row.id: row for row in await read(store, *{name for _, name in said})}
        ends = [name for what, name in said if what == "completed"]
        log = await log_ids(store)
        await store.close()
        path.unlink()
        path.with_name("tasks.db.lock").unlink()
        done += said

        assert all(rows[name].status is TaskStatus.COMPLETED for name in ends)
        assert [name for name in log if name in set(ends)] == ends
        assert len(log) == len(set(log))

    assert len(done) > 400
    assert len(epochs) == 6


async def test_a_kill_keeps_the_epoch_so_that_cursors_stay_good(path: Path, stores: Open) -> None:
    first = stores()
    epoch = await first.open()
    await first.close()

    _work_and_die(path, 50)
    second = stores()

    assert await second.open() == epoch


async def test_a_restart_keeps_order_sequences_positions_and_sums(stores: Open) -> None:
    before = stores()
    await before.open()
    await put(before, new_task("urgent", priority=-1), new_task("a"), new_task("later", delay_us=SECOND_US))
    await complete(before, await start(before))
    await before.close()

    after = stores()
    await after.open()
    [row] = await put(after, new_task("b"))
    results = await after.insert([new_task("c")], atomic=True, max_waiting=3)

    assert row.sequence == 4
    assert results == [Full(3)]
    assert [task.id for task in await claim(after)] == ["a", "b"]
    assert await log_ids(after) == ["urgent"]


async def test_positions_and_sequences_go_on_although_everything_was_pruned(
    stores: Open, clock: FakeClock
) -> None:
    before = stores()
    await before.open()
    await put(before, new_task("a"))
    await complete(before, await start(before))
    clock.advance(24 * 3600)
    pruned = await before.prune(Retention())
    await before.close()

    after = stores()
    await after.open()
    await put(after, new_task("b"))
    row = await complete(after, await start(after))

    assert pruned == Pruned(1, 1, more=False)
    assert (row.sequence, row.position) == (2, 2)


async def test_a_claim_is_taken_back_after_a_restart(stores: Open) -> None:
    before = stores()
    await before.open()
    await put(before, new_task("running"), new_task("claimed"))
    await start(before)
    await claim(before)
    await before.close()

    after = stores()
    await after.open()
    recovered = await after.recover(Owner("node-1", 2), limit=10)

    assert [(row.id, row.losses, row.attempt) for row in recovered.tasks] == [
        ("running", 1, 1),
        ("claimed", 1, 0),
    ]
    assert [task.id for task in await claim(after, ECHO)] == ["running", "claimed"]


async def test_a_lost_attempt_ran_for_as_long_as_its_process_is_known_to_have_lived(
    stores: Open, clock: FakeClock
) -> None:
    before = stores()
    await before.open()
    await put(before, new_task("a"))
    task = await start(before)
    clock.advance(7)
    await before.close()
    ended_us = clock.now_us()
    clock.advance(3600)

    after = stores()
    await after.open()
    [row] = (await after.recover(Owner("node-1", 2), limit=10)).tasks

    assert (row.attempts[0].start_us, row.attempts[0].end_us) == (task.start_us, ended_us)
