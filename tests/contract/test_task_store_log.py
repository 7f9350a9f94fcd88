from __future__ import annotations

import pytest
from tests.contract.conftest import OpenStore
from tests.contract.steps import (
    PLENTY,
    claim,
    complete,
    fail,
    finish_one,
    found_ids,
    ids,
    log_ids,
    put,
    read,
    start,
)
from tests.fakes.tasks import new_task

from millhand_server.core.ports import Inserted, Pruned, Retention, TaskStore
from millhand_server.core.query import EVERYTHING, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US
from millhand_server.testing.clock import FakeClock

DAY_US = 24 * 3600 * SECOND_US
KEEP_ALL = Retention(age_us=0, failed_age_us=0, count=0, bytes=0)


async def test_an_empty_log_begins_at_one_and_ends_before_it(store: TaskStore) -> None:
    page = await store.read_log(0, EVERYTHING, limit=10, max_bytes=PLENTY)

    assert (page.tasks, page.position, page.first, page.last) == ((), 0, 1, 0)


async def test_tasks_enter_the_log_in_the_order_of_becoming_final(store: TaskStore) -> None:
    await put(store, *(new_task(name) for name in "abcd"))
    a, b, c = await claim(store, limit=3)
    await complete(store, c)
    await store.cancel(["d"], "")
    await fail(store, a)
    await complete(store, b)

    page = await store.read_log(0, EVERYTHING, limit=10, max_bytes=PLENTY)

    assert ids(page.tasks) == ["c", "d", "a", "b"]
    assert [task.position for task in page.tasks] == [1, 2, 3, 4]
    assert (page.position, page.first, page.last) == (4, 1, 4)
    assert list(page.tasks) == await read(store, "c", "d", "a", "b")


async def test_a_task_that_is_not_final_has_no_position(store: TaskStore) -> None:
    await put(store, new_task("a"))

    assert (await start(store)).position == 0


async def test_reading_goes_on_after_a_position_and_stops_at_its_limit(store: TaskStore) -> None:
    for name in "abcde":
        await finish_one(store, new_task(name))

    page = await store.read_log(1, EVERYTHING, limit=2, max_bytes=PLENTY)
    rest = await store.read_log(page.position, EVERYTHING, limit=2, max_bytes=PLENTY)
    end = await store.read_log(5, EVERYTHING, limit=2, max_bytes=PLENTY)

    assert (ids(page.tasks), page.position) == (["b", "c"], 3)
    assert (ids(rest.tasks), rest.position) == (["d", "e"], 5)
    assert (ids(end.tasks), end.position) == ([], 5)


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(TaskFilter(ids=frozenset({"b", "d", "nobody", "waiting"})), id="ids"),
        pytest.param(TaskFilter(labels={"wanted": "yes"}), id="labels"),
    ],
)
async def test_a_filtered_read_gives_what_matches_and_passes_the_rest(
    store: TaskStore, wanted: TaskFilter
) -> None:
    for name in "abcde":
        await finish_one(store, new_task(name, labels={"wanted": "yes" if name in "bd" else "no"}))
    await put(store, new_task("waiting"))

    one = await store.read_log(0, wanted, limit=1, max_bytes=PLENTY)
    rest = await store.read_log(one.position, wanted, limit=9, max_bytes=PLENTY)

    assert ids(one.tasks) == ["b"]
    assert 2 <= one.position < 4
    assert (ids(rest.tasks), rest.position) == (["d"], 5)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(TaskStatus.CANCELLED, ["cancelled"], id="cancelled"),
        pytest.param(TaskStatus.COMPLETED, ["completed"], id="completed"),
        pytest.param(TaskStatus.FAILED, ["failed"], id="failed"),
    ],
)
async def test_the_log_can_be_read_by_status(
    store: TaskStore, status: TaskStatus, expected: list[str]
) -> None:
    for how in ("completed", "failed", "cancelled"):
        await finish_one(store, new_task(how), how)

    assert await log_ids(store, wanted=TaskFilter(statuses=frozenset({status}))) == expected


async def test_a_page_ends_early_by_bytes_and_a_large_result_goes_alone(store: TaskStore) -> None:
    for name, size in (("a", 40), ("b", 40), ("c", 40), ("huge", 500), ("d", 1)):
        await finish_one(store, new_task(name), output=b"x" * size)

    pages: list[list[str]] = []
    position = 0
    while position < 5:
        page = await store.read_log(position, EVERYTHING, limit=10, max_bytes=100)
        pages.append(ids(page.tasks))
        position = page.position

    assert pages == [["a", "b"], ["c"], ["huge"], ["d"]]


async def test_a_rare_match_is_found_after_pages_that_end_early(store: TaskStore) -> None:
    names = [f"t{n}" for n in range(5_000)]
    await put(store, *(new_task(name, correlation_id="rare" if name == "t4999" else "") for name in names))
    await store.cancel(names, "")

    assert await log_ids(store, wanted=TaskFilter(correlation_id="rare")) == ["t4999"]


async def test_the_log_is_trimmed_by_count_from_its_start_and_rows_go_too(
    open_store: OpenStore, clock: FakeClock
) -> None:
    store = await open_store(Retention(count=3))
    for name in "abcde":
        await finish_one(store, new_task(name))
    await _prune_all(store, Retention(count=3))

    page = await store.read_log(0, EVERYTHING, limit=10, max_bytes=PLENTY)

    assert (ids(page.tasks), page.first, page.last) == (["c", "d", "e"], 3, 5)
    assert await found_ids(store, clock) == ["c", "d", "e"]


async def test_a_read_from_before_what_is_retained_begins_with_the_oldest(open_store: OpenStore) -> None:
    store = await open_store(Retention(count=2))
    for name in "abcd":
        await finish_one(store, new_task(name))
    await _prune_all(store, Retention(count=2))

    page = await store.read_log(1, EVERYTHING, limit=1, max_bytes=PLENTY)

    assert (ids(page.tasks), page.position, page.first) == (["c"], 3, 3)


async def test_the_log_is_trimmed_by_bytes(open_store: OpenStore) -> None:
    limit = Retention(bytes=1_000_000)
    store = await open_store(limit)
    for n in range(30):
        await finish_one(store, new_task(f"t{n}"), output=b"x" * 100_000)
    await _prune_all(store, limit)

    kept = await log_ids(store)

    assert kept == [f"t{n}" for n in range(30 - len(kept), 30)]
    assert 1 <= len(kept) <= 10


async def test_the_newest_result_stays_whatever_its_size(open_store: OpenStore) -> None:
    limit = Retention(bytes=1_000)
    store = await open_store(limit)
    await finish_one(store, new_task("small"))
    await finish_one(store, new_task("huge"), output=b"x" * 100_000)
    await _prune_all(store, limit)

    assert await log_ids(store) == ["huge"]


async def test_results_are_pruned_when_they_are_old_enough(store: TaskStore, clock: FakeClock) -> None:
    await finish_one(store, new_task("old"))
    clock.advance(3600)
    await finish_one(store, new_task("new"))
    limit = Retention(age_us=DAY_US)
    clock.advance(23 * 3600 - 1)
    early = await store.prune(limit)
    clock.advance(1)

    pruned = await store.prune(limit)

    assert early == Pruned(0, 0, more=False)
    assert pruned == Pruned(1, 1, more=False)
    assert await log_ids(store) == ["new"]
    assert await store.get(["old"]) == [None]


async def test_unfinished_tasks_are_never_pruned(store: TaskStore, clock: FakeClock) -> None:
    await put(store, new_task("running"), new_task("waiting"))
    await start(store)
    clock.advance(30 * 24 * 3600)

    await _prune_all(store, Retention())

    assert len(await read(store, "running", "waiting")) == 2


async def test_failed_tasks_outlive_their_place_in_the_log(store: TaskStore, clock: FakeClock) -> None:
    await finish_one(store, new_task("failed"), "failed")
    await finish_one(store, new_task("completed"))
    clock.advance(24 * 3600)

    pruned = await store.prune(Retention())
    page = await store.read_log(0, TaskFilter(ids=frozenset({"failed"})), limit=9, max_bytes=PLENTY)

    assert (pruned.results, pruned.tasks) == (2, 1)
    assert (page.tasks, page.first, page.last) == ((), 3, 2)
    assert [row.status for row in await read(store, "failed")] == [TaskStatus.FAILED]


async def test_failed_tasks_go_when_their_own_age_has_passed(store: TaskStore, clock: FakeClock) -> None:
    await finish_one(store, new_task("failed"), "failed")
    clock.advance(24 * 3600)
    await _prune_all(store, Retention())
    clock.advance(6 * 24 * 3600)

    pruned = await store.prune(Retention())

    assert pruned == Pruned(0, 1, more=False)
    assert await store.get(["failed"]) == [None]


async def test_failed_tasks_outside_the_log_are_bounded_too(open_store: OpenStore, clock: FakeClock) -> None:
    limit = Retention(count=3)
    store = await open_store(limit)
    for n in range(10):
        await finish_one(store, new_task(f"t{n}"), "failed")
    await _prune_all(store, limit)

    assert await log_ids(store) == ["t7", "t8", "t9"]
    assert await found_ids(store, clock) == [f"t{n}" for n in range(4, 10)]


async def test_zero_means_no_limit(store: TaskStore, clock: FakeClock) -> None:
    row = await finish_one(store, new_task("a"), "failed")
    clock.advance(10 * 365 * 24 * 3600)

    pruned = await store.prune(KEEP_ALL)

    assert pruned == Pruned(0, 0, more=False)
    assert row.expire_us is None
    assert await log_ids(store) == ["a"]


@pytest.mark.parametrize(
    ("how", "age_us"),
    [pytest.param("completed", DAY_US, id="others"), pytest.param("failed", 7 * DAY_US, id="failed")],
)
async def test_a_final_row_says_when_it_goes(
    open_store: OpenStore, clock: FakeClock, how: str, age_us: int
) -> None:
    store = await open_store(Retention())

    row = await finish_one(store, new_task("a"), how)

    assert row.expire_us == clock.now_us() + age_us


async def test_a_task_that_is_gone_frees_its_id_and_its_key(store: TaskStore, clock: FakeClock) -> None:
    await finish_one(store, new_task("a", idempotency_key="k"))
    clock.advance(24 * 3600)
    await _prune_all(store, Retention())

    results = await store.insert(
        [new_task("b", idempotency_key="k", payload=b"other"), new_task("a", payload=b"other")],
        atomic=True,
        max_waiting=0,
    )

    assert [isinstance(result, Inserted) and result.created for result in results] == [True, True]


async def test_a_task_under_a_freed_id_has_its_own_place_among_the_waiting(
    store: TaskStore, clock: FakeClock
) -> None:
    await put(store, new_task("first", priority=-2), new_task("a", priority=-1))
    await store.cancel(["a"], "")
    clock.advance(24 * 3600)
    await _prune_all(store, Retention())

    await put(store, new_task("b"), new_task("a", priority=1))

    assert ids(await claim(store)) == ["first", "b", "a"]


async def test_positions_go_on_after_everything_was_pruned(store: TaskStore, clock: FakeClock) -> None:
    await finish_one(store, new_task("a"))
    clock.advance(24 * 3600)
    await _prune_all(store, Retention())

    row = await finish_one(store, new_task("b"))

    assert row.position == 2
    assert await log_ids(store, after=1) == ["b"]


async def _prune_all(store: TaskStore, retention: Retention) -> None:
    while (await store.prune(retention)).more:
        pass
