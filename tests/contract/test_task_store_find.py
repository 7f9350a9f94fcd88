from __future__ import annotations

import pytest
from tests.contract.steps import change, claim, complete, finish_one, found_ids, put, start
from tests.fakes.tasks import ended, handler_failed, new_task

from millhand_server.core.ports import TaskStore
from millhand_server.core.query import EVERYTHING, Order, Page, Seen, TaskFilter, sort_key
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US, Owner
from millhand_server.core.transition import NOTHING_REPORTED, retrying
from millhand_server.testing.clock import START_US, FakeClock

_LATE = START_US + 10 * SECOND_US


@pytest.fixture
async def mixed(store: TaskStore, clock: FakeClock) -> TaskStore:
    """A store with a task of every kind that a filter tells apart, accepted two apart in time."""
    await put(
        store,
        new_task("red", labels={"colour": "red", "size": "s"}, correlation_id="c1"),
        new_task("blue", labels={"colour": "blue"}, queue="side", principal="ann", session_id="s1"),
    )
    clock.advance(10)
    await put(
        store,
        new_task("bob", handler="sleep", principal="bob", session_id="s1"),
        new_task("later", handler="sleep", delay_us=60 * SECOND_US),
    )
    return store


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(EVERYTHING, ["red", "blue", "bob", "later"], id="empty matches all"),
        pytest.param(TaskFilter(ids=frozenset({"bob", "red", "nobody"})), ["red", "bob"], id="ids"),
        pytest.param(TaskFilter(handlers=frozenset({"sleep"})), ["bob", "later"], id="handlers"),
        pytest.param(TaskFilter(queues=frozenset({"side"})), ["blue"], id="queues"),
        pytest.param(TaskFilter(labels={"colour": "red"}), ["red"], id="labels"),
        pytest.param(TaskFilter(labels={"colour": "red", "size": "m"}), [], id="labels all match"),
        pytest.param(TaskFilter(correlation_id="c1"), ["red"], id="correlation id"),
        pytest.param(TaskFilter(session_id="s1", principal="ann"), ["blue"], id="session of a principal"),
        pytest.param(TaskFilter(principal="bob"), ["bob"], id="principal"),
        pytest.param(TaskFilter(created_after_us=_LATE), ["bob", "later"], id="created after, inclusive"),
        pytest.param(TaskFilter(created_before_us=_LATE), ["red", "blue"], id="created before, exclusive"),
        pytest.param(TaskFilter(max_sequence=3), ["red", "blue", "bob"], id="accepted up to"),
        pytest.param(TaskFilter(statuses=frozenset({TaskStatus.SCHEDULED})), ["later"], id="status"),
        pytest.param(
            TaskFilter(ids=frozenset({"red", "bob"}), handlers=frozenset({"echo"})), ["red"], id="and"
        ),
    ],
)
async def test_a_filter_finds_its_tasks_in_order_of_acceptance(
    mixed: TaskStore, clock: FakeClock, wanted: TaskFilter, expected: list[str]
) -> None:
    found = await found_ids(mixed, clock, wanted)
    counts = await mixed.count(wanted, Seen(clock.now_us()), limit=0)

    assert found == expected
    assert sum(counts.values()) == len(expected)


async def test_a_task_whose_time_has_come_is_found_as_queued(mixed: TaskStore, clock: FakeClock) -> None:
    clock.advance(60)

    scheduled = await found_ids(mixed, clock, TaskFilter(statuses=frozenset({TaskStatus.SCHEDULED})))
    queued = await found_ids(mixed, clock, TaskFilter(statuses=frozenset({TaskStatus.QUEUED})))

    assert (scheduled, queued) == ([], ["red", "blue", "bob", "later"])


async def test_heads_that_a_rate_limit_holds_back_are_rate_limited_and_not_queued(
    mixed: TaskStore, clock: FakeClock
) -> None:
    limited = frozenset({"red"})

    held = await found_ids(
        mixed, clock, TaskFilter(statuses=frozenset({TaskStatus.RATE_LIMITED})), limited=limited
    )
    queued = await found_ids(
        mixed, clock, TaskFilter(statuses=frozenset({TaskStatus.QUEUED})), limited=limited
    )
    counts = await mixed.count(EVERYTHING, Seen(clock.now_us(), limited), limit=0)

    assert (held, queued) == (["red"], ["blue", "bob"])
    assert counts == {TaskStatus.RATE_LIMITED: 1, TaskStatus.QUEUED: 2, TaskStatus.SCHEDULED: 1}


async def test_running_tasks_are_found_and_claimed_ones_are_not_among_them(
    store: TaskStore, clock: FakeClock
) -> None:
    await put(store, *(new_task(name) for name in ("done", "running", "claimed", "waiting")))
    await complete(store, await start(store))
    await start(store)
    await claim(store, limit=1)
    running = TaskFilter(statuses=frozenset({TaskStatus.RUNNING}))

    assert await found_ids(store, clock, running) == ["running"]
    assert await store.count(running, Seen(clock.now_us()), limit=0) == {TaskStatus.RUNNING: 1}


async def test_unfinished_tasks_are_found_among_many_final_ones(store: TaskStore, clock: FakeClock) -> None:
    for n in range(20):
        await finish_one(store, new_task(f"done-{n}"))
    await put(store, new_task("retrying"), new_task("running"), new_task("waiting"))
    task = await start(store)
    attempt = ended(task, handler_failed())
    await change(store, retrying(task.key, attempt, NOTHING_REPORTED, delay_us=SECOND_US, uses_retry=True))
    await start(store)
    unfinished = frozenset({TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.RETRYING})

    assert await found_ids(store, clock, TaskFilter(statuses=unfinished)) == [
        "retrying",
        "running",
        "waiting",
    ]


async def test_tasks_are_found_by_the_incarnation_that_holds_them(store: TaskStore, clock: FakeClock) -> None:
    await put(store, new_task("a"), new_task("b"), new_task("c"))
    await claim(store, limit=1, owner=Owner("node", 7))
    await claim(store, limit=1, owner=Owner("node", 8))

    assert await found_ids(store, clock, TaskFilter(owner_epoch=7)) == ["a"]


async def test_count_stops_at_its_limit(mixed: TaskStore, clock: FakeClock) -> None:
    counts = await mixed.count(EVERYTHING, Seen(clock.now_us()), limit=2)

    assert sum(counts.values()) == 2


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        pytest.param(Order.CREATE_TIME, ["a", "b", "c", "d"], id="create time"),
        pytest.param(Order.DUE_TIME, ["b", "d", "c", "a"], id="due time"),
        pytest.param(Order.PRIORITY, ["c", "a", "d", "b"], id="priority"),
    ],
)
@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("wanted", [EVERYTHING, TaskFilter(ids=frozenset("abcd"))], ids=["all", "ids"])
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9])
async def test_pages_follow_each_other_in_the_order_asked_for(
    store: TaskStore,
    clock: FakeClock,
    wanted: TaskFilter,
    order: Order,
    descending: bool,
    expected: list[str],
    limit: int,
) -> None:
    await put(
        store,
        new_task("a", delay_us=3 * SECOND_US),
        new_task("b", priority=9),
        new_task("c", delay_us=2 * SECOND_US, priority=-9),
        new_task("d"),
    )

    pages = await _pages(store, clock, wanted, Page(limit, order, descending))

    assert [task_id for page in pages for task_id in page] == (expected[::-1] if descending else expected)
    assert len(pages) == -(-4 // limit)


@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
async def test_paging_while_tasks_come_gives_each_that_was_there_once(
    store: TaskStore, clock: FakeClock, descending: bool
) -> None:
    before = [f"before-{n}" for n in range(600)]
    await put(store, *(new_task(name) for name in before))
    given: list[str] = []
    after: tuple[int, int] | None = None
    for n in range(100):
        found = await store.find(
            EVERYTHING, Page(50, descending=descending, after=after), Seen(clock.now_us())
        )
        given += [task.id for task in found.tasks]
        if not found.more:
            break
        after = sort_key(Order.CREATE_TIME, found.tasks[-1])
        await put(store, *(new_task(f"during-{n}-{k}") for k in range(7)))

    assert len(given) == len(set(given))
    assert [name for name in given if name.startswith("before")] == (before[::-1] if descending else before)


async def _pages(store: TaskStore, clock: FakeClock, wanted: TaskFilter, page: Page) -> list[list[str]]:
    pages: list[list[str]] = []
    while True:
        found = await store.find(wanted, page, Seen(clock.now_us()))
        pages.append([task.id for task in found.tasks])
        if not found.more:
            return pages
        after = sort_key(page.order, found.tasks[-1])
        page = Page(page.limit, page.order, page.descending, after)
