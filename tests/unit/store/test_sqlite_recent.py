from __future__ import annotations

from millhand_server.core.ports import LogPage
from millhand_server.core.query import EVERYTHING, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import Task, TaskSpec
from millhand_server.store.sqlite.recent import RecentResults

PLENTY = 2**40


def result(position: int, *, size: int = 10) -> Task:
    return Task(
        spec=TaskSpec(id=f"t{position}", handler="echo"),
        sequence=position,
        status=TaskStatus.COMPLETED,
        queue="default",
        priority=0,
        create_us=0,
        due_us=0,
        complete_us=1,
        position=position,
        output=b"x" * size,
    )


def results(first: int, last: int) -> list[Task]:
    return [result(position) for position in range(first, last + 1)]


def read(recent: RecentResults, after: int, limit: int = 100, max_bytes: int = PLENTY) -> LogPage | None:
    return recent.read(after, EVERYTHING, limit=limit, max_bytes=max_bytes)


def positions(page: LogPage | None) -> list[int]:
    assert page is not None
    return [task.position for task in page.tasks]


def test_what_was_there_when_the_file_was_opened_is_the_files_to_read() -> None:
    recent = RecentResults(1, 5)

    recent.add(results(6, 7), 1, 7)

    assert read(recent, 4) is None
    assert positions(read(recent, 5)) == [6, 7]
    assert positions(read(recent, 6)) == [7]


def test_the_bounds_are_known_without_the_file() -> None:
    recent = RecentResults(3, 5)

    page = read(recent, 2**62)

    assert page == LogPage((), 2**62, 3, 5)


def test_a_page_ends_at_its_limit_and_at_its_bytes() -> None:
    recent = RecentResults(1, 0)
    recent.add(results(1, 5), 1, 5)

    by_count = read(recent, 0, limit=2)
    by_bytes = read(recent, 2, max_bytes=25)
    rest = read(recent, 4)

    assert (positions(by_count), by_count.position if by_count else 0) == ([1, 2], 2)
    assert (positions(by_bytes), by_bytes.position if by_bytes else 0) == ([3, 4], 4)
    assert (positions(rest), rest.position if rest else 0) == ([5], 5)


def test_a_result_larger_than_a_page_is_given_alone() -> None:
    recent = RecentResults(1, 0)
    recent.add([result(1, size=1_000), result(2)], 1, 2)

    assert positions(read(recent, 0, max_bytes=10)) == [1]


def test_a_filter_moves_on_over_what_does_not_match() -> None:
    recent = RecentResults(1, 0)
    recent.add(results(1, 5), 1, 5)

    page = recent.read(0, TaskFilter(ids=frozenset({"t3"})), limit=10, max_bytes=PLENTY)

    assert positions(page) == [3]
    assert page is not None
    assert page.position == 5


def test_results_that_left_the_log_are_not_shown() -> None:
    recent = RecentResults(1, 0)
    recent.add(results(1, 5), 1, 5)

    recent.add([], 4, 5)

    page = read(recent, 0)
    assert positions(page) == [4, 5]
    assert page is not None
    assert page.first == 4


def test_only_so_many_are_kept() -> None:
    recent = RecentResults(1, 0)
    for first in range(1, 20_001, 100):
        recent.add(results(first, first + 99), 1, first + 99)

    assert read(recent, 20_000 - 4_001) is None
    assert positions(read(recent, 20_000 - 4_000, limit=5_000)) == list(range(16_001, 20_001))
    assert positions(read(recent, 19_990)) == list(range(19_991, 20_001))


def test_only_so_many_bytes_are_kept() -> None:
    recent = RecentResults(1, 0)

    recent.add([result(position, size=3 * 1024 * 1024) for position in (1, 2, 3)], 1, 3)

    assert read(recent, 0) is None
    assert positions(read(recent, 1)) == [2, 3]
