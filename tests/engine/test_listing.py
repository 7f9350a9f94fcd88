from __future__ import annotations

import pytest
from tests.engine.bench import FAILED, Bench, spec
from tests.engine.conftest import OpenBench

from millhand_server.core.errors import TaskNotFound
from millhand_server.core.query import EVERYTHING, Order, Page, TaskFilter, sort_key
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US


def of_status(*statuses: TaskStatus) -> TaskFilter:
    return TaskFilter(statuses=frozenset(statuses))


async def listed(bench: Bench, wanted: TaskFilter) -> list[str]:
    return [task.id for task in (await bench.manager.get_tasks(wanted, Page(limit=100))).tasks]


async def test_an_unknown_task_is_not_found(bench: Bench) -> None:
    with pytest.raises(TaskNotFound):
        await bench.manager.get_task("nobody")


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        pytest.param(Page(limit=3), ["a", "b", "c", "d", "e"], id="create time"),
        pytest.param(
            Page(limit=3, descending=True), ["e", "d", "c", "b", "a"], id="create time, newest first"
        ),
        pytest.param(Page(2, Order.PRIORITY), ["e", "d", "c", "b", "a"], id="priority"),
        pytest.param(Page(2, Order.DUE_TIME), ["b", "d", "a", "c", "e"], id="due time"),
        pytest.param(
            Page(1, Order.DUE_TIME, descending=True), ["e", "c", "a", "d", "b"], id="due time, latest"
        ),
    ],
)
async def test_pages_go_through_all_tasks_in_order(bench: Bench, page: Page, expected: list[str]) -> None:
    delays = {"a": 30, "b": 10, "c": 40, "d": 20, "e": 50}
    await bench.register(
        *(
            spec(task_id, priority=-number, delay_us=delay * SECOND_US)
            for number, (task_id, delay) in enumerate(delays.items())
        )
    )
    found: list[str] = []
    after: tuple[int, int] | None = None

    while True:
        answer = await bench.manager.get_tasks(
            EVERYTHING, Page(page.limit, page.order, page.descending, after)
        )
        found += [task.id for task in answer.tasks]
        assert (answer.total, answer.total_is_exact) == (5, True)
        if not answer.more:
            break
        after = sort_key(page.order, answer.tasks[-1])

    assert found == expected


async def test_a_listing_of_nothing_is_empty(bench: Bench) -> None:
    page = await bench.manager.get_tasks(EVERYTHING, Page(limit=10))

    assert (page.tasks, page.more, page.total, page.total_is_exact) == ((), False, 0, True)


async def test_totals_are_exact_up_to_ten_thousand(bench: Bench) -> None:
    for _ in range(10):
        await bench.manager.register_tasks([spec() for _ in range(1000)])
    ten_thousand = await bench.manager.get_tasks(EVERYTHING, Page(limit=1))
    await bench.put("one more")

    one_more = await bench.manager.get_tasks(EVERYTHING, Page(limit=1))

    assert (ten_thousand.total, ten_thousand.total_is_exact) == (10_000, True)
    assert (one_more.total, one_more.total_is_exact) == (10_001, False)


async def test_filters_ask_for_statuses_as_they_are_shown(bench: Bench) -> None:
    await bench.put("retried", retry_delay_us=10 * SECOND_US)
    await bench.run("retried", FAILED)
    await bench.start("running")
    await bench.put("scheduled", delay_us=10 * SECOND_US)
    await bench.put("queued")

    before = [
        await listed(bench, of_status(status))
        for status in (TaskStatus.RETRYING, TaskStatus.SCHEDULED, TaskStatus.QUEUED)
    ]
    await bench.advance(10)
    after = [
        await listed(bench, of_status(status))
        for status in (TaskStatus.RETRYING, TaskStatus.SCHEDULED, TaskStatus.QUEUED)
    ]

    assert before == [["retried"], ["scheduled"], ["queued"]]
    assert after == [[], [], ["retried", "scheduled", "queued"]]


async def test_listed_tasks_have_the_statuses_they_were_asked_for(bench: Bench) -> None:
    await bench.start("running")
    await bench.put("scheduled", delay_us=10 * SECOND_US)
    await bench.advance(10)

    page = await bench.manager.get_tasks(of_status(TaskStatus.QUEUED), Page(limit=10))

    assert [(task.id, task.status) for task in page.tasks] == [("scheduled", TaskStatus.QUEUED)]
    assert page.total == 1


async def test_active_tasks_are_those_with_a_live_attempt(open_bench: OpenBench) -> None:
    bench = await open_bench(max_workers=3)
    await bench.start("a")
    await bench.start("b")
    await bench.start("done")
    await bench.end("done")
    await bench.put("claimed", "queued", "queued too")

    page = await bench.manager.get_active_tasks(Page(limit=1))

    assert ([task.id for task in page.tasks], page.more, page.total) == (["a"], True, 2)


async def test_a_running_task_is_shown_with_its_latest_progress(bench: Bench) -> None:
    key = await bench.start("a")
    bench.threads.progress(key, 0.25, "a quarter")
    await bench.settle()

    task = await bench.task("a")
    [active] = (await bench.manager.get_active_tasks(Page(limit=1))).tasks

    assert task == active
    assert task.progress is not None
    assert (task.progress.fraction, task.progress.message) == (0.25, "a quarter")


async def test_progress_and_heartbeats_outlive_their_attempt(bench: Bench) -> None:
    key = await bench.start("a")
    bench.threads.progress(key, 0.25)
    bench.threads.heartbeat(key, b"row 7")
    await bench.end("a", FAILED)
    await bench.advance(1)

    task = await bench.task("a")

    assert task.progress is not None
    assert (task.progress.fraction, task.last_heartbeat) == (0.25, b"row 7")
    assert bench.threads.grants[-1].last_heartbeat == b"row 7"
