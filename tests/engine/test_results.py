from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.engine.bench import (
    FAILED,
    Bench,
    ids_of,
    kinds_of,
    read_all,
    read_results,
    soon,
    spec,
    succeeded,
)
from tests.engine.conftest import OpenBench

from millhand_server.core.cursor import Cursor
from millhand_server.core.errors import CursorInvalid, InvalidArgument, TaskNotFound
from millhand_server.core.execution import Stopped
from millhand_server.core.query import EVERYTHING, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US
from millhand_server.engine.acceptance import Caller
from millhand_server.engine.answers import (
    EndFrame,
    EndReason,
    KeepAliveFrame,
    ProgressFrame,
    ResultFrame,
    StreamFrame,
)
from millhand_server.engine.reading import ReadRequest


def ended(frames: list[StreamFrame]) -> bool:
    return bool(frames) and isinstance(frames[-1], EndFrame)


async def finish(bench: Bench, *ids: str) -> None:
    """Registers tasks, and lets them complete in this order."""
    for task_id in ids:
        await bench.put(task_id)
        await bench.run(task_id)


async def finish_a_mixture(bench: Bench, first: int, last: int) -> None:
    """Brings tasks that differ in everything to ends of all kinds."""
    for number in range(first, last):
        task_id = f"{number}"
        one = spec(
            task_id,
            "work" if number % 2 else "other",
            queue="mail" if number % 3 else "default",
            labels={"batch": f"{number % 4}"},
            correlation_id="mine" if number % 5 else "",
            retries=0,
        )
        await bench.manager.register_task(one, caller=Caller("alice", f"session {number % 2}"))
        await bench.settle()
        if number % 7 == 0:
            await bench.manager.cancel_task(task_id)
        else:
            await bench.run(task_id, FAILED if number % 3 == 0 else succeeded())
        bench.clock.advance(1)


ROUND = 30


@pytest.mark.parametrize(
    ("make_filter", "expected"),
    [
        pytest.param(lambda _: EVERYTHING, lambda _: True, id="everything"),
        pytest.param(
            lambda _: TaskFilter(ids=frozenset({"3", "41", "nobody"})), lambda n: n in (3, 41), id="ids"
        ),
        pytest.param(lambda _: TaskFilter(handlers=frozenset({"work"})), lambda n: n % 2, id="handlers"),
        pytest.param(lambda _: TaskFilter(queues=frozenset({"default"})), lambda n: n % 3 == 0, id="queues"),
        pytest.param(
            lambda _: TaskFilter(statuses=frozenset({TaskStatus.CANCELLED, TaskStatus.FAILED})),
            lambda n: n % 7 == 0 or n % 3 == 0,
            id="statuses",
        ),
        pytest.param(lambda _: TaskFilter(labels={"batch": "1"}), lambda n: n % 4 == 1, id="labels"),
        pytest.param(lambda _: TaskFilter(correlation_id="mine"), lambda n: n % 5, id="correlation id"),
        pytest.param(
            lambda start_us: TaskFilter(
                created_after_us=start_us + 10 * SECOND_US, created_before_us=start_us + 40 * SECOND_US
            ),
            lambda n: 10 <= n < 40,
            id="created",
        ),
        pytest.param(
            lambda _: TaskFilter(session_id="session 1", principal="alice"), lambda n: n % 2, id="session"
        ),
        pytest.param(
            lambda _: TaskFilter(handlers=frozenset({"work"}), queues=frozenset({"mail"})),
            lambda n: n % 2 and n % 3,
            id="two fields",
        ),
    ],
)
async def test_a_reader_gets_each_result_that_matches_once_in_the_order_of_the_log(
    bench: Bench, make_filter: Callable[[int], TaskFilter], expected: Callable[[int], bool]
) -> None:
    wanted = make_filter(bench.clock.now_us())
    matching = [f"{number}" for number in range(2 * ROUND) if expected(number)]
    await finish_a_mixture(bench, 0, ROUND)
    reader = await bench.reader(wanted=wanted, after="0", follow=True)
    reading = bench.spawn(read_results(reader, len(matching)))

    await finish_a_mixture(bench, ROUND, 2 * ROUND)

    assert await soon(reading) == matching


async def test_reading_goes_on_from_any_cursor(bench: Bench) -> None:
    ids = [f"{number}" for number in range(20)]
    await finish(bench, *ids)
    reader = await bench.reader(after="0", follow=True)
    frames = await read_all(reader, until=lambda frames: len(ids_of(frames)) == 20)

    for frame in frames:
        again = await bench.reader(after=str(frame.cursor))
        rest = await read_all(again, until=ended)
        assert ids_of(rest) == ids[frame.cursor.position :]
        assert "gap" not in kinds_of(rest)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param(ReadRequest(follow=True), ["new"], id="follow: from now on"),
        pytest.param(ReadRequest(follow=True, after="0"), ["old", "new"], id='follow after "0": everything'),
        pytest.param(
            ReadRequest(TaskFilter(ids=frozenset({"old", "new"})), follow=True),
            ["old", "new"],
            id="follow ids: everything",
        ),
        pytest.param(
            ReadRequest(TaskFilter(ids=frozenset({"old", "new"})), close_on_completion=True),
            ["old", "new"],
            id="close on completion: everything",
        ),
    ],
)
async def test_without_a_cursor_a_reader_begins_where_it_must(
    bench: Bench, request_: ReadRequest, expected: list[str]
) -> None:
    await finish(bench, "old")
    await bench.put("new")
    reader = await bench.reader(request_)
    reading = bench.spawn(read_results(reader, len(expected)))

    await bench.run("new")

    assert await soon(reading) == expected


async def test_a_reader_that_does_not_follow_ends_when_it_has_caught_up(bench: Bench) -> None:
    await finish(bench, "a", "b")

    reader = await bench.reader()
    frames = await read_all(reader, until=ended)

    assert kinds_of(frames) == ["keep alive", "result", "result", "end"]
    assert isinstance(frames[-1], EndFrame)
    assert (frames[-1].reason, frames[-1].cursor.position) == (EndReason.CAUGHT_UP, 2)


async def test_a_reader_of_an_empty_log_ends_at_once(bench: Bench) -> None:
    reader = await bench.reader()

    assert kinds_of(await read_all(reader, until=ended)) == ["keep alive", "end"]


@pytest.mark.parametrize("follow", [True, False])
async def test_the_first_frame_comes_at_once_and_has_the_cursor_of_the_start(
    bench: Bench, follow: bool
) -> None:
    await finish(bench, "a", "b")

    reader = await bench.reader(follow=follow)
    [first] = await soon(reader.read())

    assert first == KeepAliveFrame(Cursor(bench.manager.epoch, 2 if follow else 0))


async def test_a_frame_has_the_cursor_of_its_result(bench: Bench) -> None:
    await finish(bench, "a", "b")

    frames = await read_all(await bench.reader(), until=ended)

    results = [frame for frame in frames if isinstance(frame, ResultFrame)]
    assert [frame.cursor.position for frame in results] == [1, 2]
    assert [frame.task.position for frame in results] == [1, 2]


@pytest.mark.parametrize("cursor", ["garbage", "1", "0123456789abcdef-01", "0123456789ABCDEF-1"])
async def test_a_cursor_that_nobody_made_is_refused(bench: Bench, cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        await bench.reader(after=cursor)
    with pytest.raises(CursorInvalid):
        await bench.manager.get_results(EVERYTHING, after=cursor)


async def test_a_reader_that_has_nothing_to_say_for_long_says_so(bench: Bench) -> None:
    reader = await bench.reader(follow=True)
    await soon(reader.read())
    reading = bench.spawn(reader.read())

    await bench.advance(14.9)
    early = reading.done()
    await bench.advance(0.1)

    assert not early
    assert await soon(reading) == [KeepAliveFrame(Cursor(bench.manager.epoch, 0))]


async def test_a_keep_alive_carries_a_reader_on_over_what_does_not_match(bench: Bench) -> None:
    reader = await bench.reader(wanted=TaskFilter(handlers=frozenset({"other"})), follow=True)
    await soon(reader.read())
    reading = bench.spawn(reader.read())
    await bench.settle()
    await finish(bench, "a", "b", "c")

    await bench.advance(15)
    [frame] = await soon(reading)

    assert frame == KeepAliveFrame(Cursor(bench.manager.epoch, 3))


async def test_progress_is_the_latest_of_each_task(bench: Bench) -> None:
    reader = await bench.reader(follow=True, include_progress=True)
    key = await bench.start("a")
    await soon(reader.read())

    bench.threads.progress(key, 0.1, "begun")
    bench.threads.progress(key, 0.5, "half")
    await bench.settle()
    [frame] = await soon(reader.read())

    assert isinstance(frame, ProgressFrame)
    assert (frame.task_id, frame.attempt, frame.cursor.position) == ("a", 1, 0)
    assert (frame.progress.fraction, frame.progress.message) == (0.5, "half")
    assert (await bench.task("a")).progress == frame.progress


async def test_progress_goes_only_to_those_who_want_it_of_tasks_that_match(bench: Bench) -> None:
    wanted = TaskFilter(handlers=frozenset({"other"}))
    readers = [
        await bench.reader(follow=True),
        await bench.reader(wanted=wanted, follow=True, include_progress=True),
    ]
    key = await bench.start("a")

    bench.threads.progress(key, 0.5)
    await bench.settle()

    for reader in readers:
        await soon(reader.read())
        reading = bench.spawn(reader.read())
        await bench.settle()
        assert not reading.done()


@pytest.mark.parametrize("max_results", [0, 100], ids=["no credit", "credit"])
async def test_progress_never_follows_its_tasks_result(bench: Bench, max_results: int) -> None:
    reader = await bench.reader(follow=True, include_progress=True)
    await soon(reader.read())
    key = await bench.start("a")

    bench.threads.progress(key, 0.5)
    bench.threads.finish(key)
    bench.threads.running[key] = bench.threads.grants[0]
    bench.threads.progress(key, 0.9)
    await bench.settle()
    reading = bench.spawn(reader.read(max_results))
    await bench.settle()

    assert reading.done() is bool(max_results)
    if max_results:
        assert kinds_of(await soon(reading)) == ["result"]


async def test_what_timed_out_code_still_reports_is_dropped(bench: Bench) -> None:
    reader = await bench.reader(follow=True, include_progress=True)
    key = await bench.start("a", timeout_us=SECOND_US, retries=0)
    await bench.advance(1)
    before = await read_results(reader, 1)

    bench.threads.progress(key, 0.5)
    reading = bench.spawn(reader.read())
    await bench.settle()

    assert (before, reading.done()) == (["a"], False)


async def test_without_credit_results_stay_where_they_are(bench: Bench) -> None:
    reader = await bench.reader(follow=True)
    await soon(reader.read())
    await finish(bench, "a", "b")

    reading = bench.spawn(reader.read(0))
    await bench.settle()
    without = reading.done()
    reading.cancel()
    one = ids_of(await soon(reader.read(1)))

    assert (without, one) == (False, ["a"])
    assert ids_of(await soon(reader.read())) == ["b"]


async def test_a_read_that_is_cancelled_has_taken_nothing(bench: Bench) -> None:
    reader = await bench.reader(follow=True)
    taken = kinds_of(await soon(reader.read()))

    for turns in range(20):
        await bench.put(f"{turns}")
        reading = bench.spawn(reader.read())
        await bench.settle()
        bench.threads.run(bench.key(f"{turns}"))
        # Cancelled after every number of turns of the loop on the result's way to the reader.
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        await bench.settle()
        if not reading.cancelled():
            taken += ids_of(reading.result())

    rest = bench.spawn(reader.read())
    await bench.settle()
    taken += ids_of(rest.result()) if rest.done() else []
    assert taken == ["keep alive", *(f"{number}" for number in range(20))]


async def test_a_stream_ends_when_all_its_tasks_have_ended(bench: Bench) -> None:
    await finish(bench, "before")
    await bench.put("a", "b")
    wanted = TaskFilter(ids=frozenset({"before", "a"}))
    reader = await bench.reader(wanted=wanted, close_on_completion=True)
    reading = bench.spawn(read_all(reader, until=ended))
    await bench.settle()
    early = reading.done()

    await bench.run("a")
    frames = await soon(reading)

    assert not early
    assert ids_of(frames) == ["before", "a"]
    assert isinstance(frames[-1], EndFrame)
    assert frames[-1].reason is EndReason.COMPLETED


async def test_a_stream_that_ends_with_its_tasks_takes_those_before_its_cursor_as_done(bench: Bench) -> None:
    await finish(bench, "a", "b")
    after = str(Cursor(bench.manager.epoch, 1))
    wanted = TaskFilter(ids=frozenset({"a", "b"}))

    reader = await bench.reader(wanted=wanted, after=after, close_on_completion=True)
    frames = await read_all(reader, until=ended)

    assert kinds_of(frames) == ["keep alive", "result", "end"]


async def test_a_stream_cannot_wait_for_tasks_that_nobody_knows(bench: Bench) -> None:
    wanted = TaskFilter(ids=frozenset({"nobody"}))

    with pytest.raises(TaskNotFound):
        await bench.reader(wanted=wanted, close_on_completion=True)


async def test_a_stream_that_is_to_end_with_its_tasks_names_them(bench: Bench) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await bench.reader(close_on_completion=True)

    assert [violation.field for violation in raised.value.violations] == ["filter.ids"]


async def test_stream_results_yields_the_frames_of_a_reader(bench: Bench) -> None:
    await finish(bench, "a", "b")

    frames = [frame async for frame in bench.manager.stream_results(ReadRequest())]

    assert kinds_of(frames) == ["keep alive", "result", "result", "end"]


async def test_pages_of_results_are_the_stream(bench: Bench) -> None:
    ids = [f"{number}" for number in range(25)]
    await finish(bench, *ids)
    cursor = "0"
    found: list[str] = []
    sizes: list[int] = []

    while not sizes or sizes[-1]:
        page = await bench.manager.get_results(EVERYTHING, after=cursor, limit=10)
        sizes.append(len(page.results))
        found += [frame.task.id for frame in page.results]
        cursor = str(page.next_cursor)
        assert page.gap is None

    assert (found, sizes) == (ids, [10, 10, 5, 0])


async def test_a_page_of_results_is_bounded_in_bytes(bench: Bench) -> None:
    for task_id in "abc":
        await bench.put(task_id)
        await bench.run(task_id, succeeded(bytes(100)))

    page = await bench.manager.get_results(EVERYTHING, max_bytes=200)
    one = await bench.manager.get_results(EVERYTHING, max_bytes=1)

    assert [frame.task.id for frame in page.results] == ["a", "b"]
    assert [frame.task.id for frame in one.results] == ["a"]


async def test_an_empty_page_has_a_cursor_to_go_on_from(bench: Bench) -> None:
    empty = await bench.manager.get_results(EVERYTHING)
    await finish(bench, "a")
    after = await bench.manager.get_results(EVERYTHING, after=str(empty.next_cursor))

    assert empty.results == ()
    assert [frame.task.id for frame in after.results] == ["a"]


async def test_a_page_is_filtered_like_a_stream(bench: Bench) -> None:
    await finish_a_mixture(bench, 0, ROUND)

    page = await bench.manager.get_results(TaskFilter(labels={"batch": "1"}), limit=3)
    rest = await bench.manager.get_results(TaskFilter(labels={"batch": "1"}), after=str(page.next_cursor))

    assert [frame.task.id for frame in (*page.results, *rest.results)] == [
        f"{number}" for number in range(ROUND) if number % 4 == 1
    ]


async def test_get_cancelled_yields_what_became_cancelled_and_ends(bench: Bench) -> None:
    await _cancel_three_ways(bench)

    frames = [frame async for frame in bench.manager.get_cancelled()]

    assert ids_of(frames) == ["queued", "stopped"]
    assert kinds_of(frames)[-1] == "end"


async def test_get_cancelled_goes_on_if_asked_to(bench: Bench) -> None:
    async def follow() -> list[StreamFrame]:
        return [frame async for frame in bench.manager.get_cancelled("0", follow=True)]

    following = bench.spawn(follow())
    await _cancel_three_ways(bench)
    await bench.close()

    assert ids_of(await soon(following)) == ["queued", "stopped"]


async def _cancel_three_ways(bench: Bench) -> None:
    await bench.start("completed all the same")
    await bench.put("queued")
    await bench.manager.cancel_tasks(["completed all the same", "queued"])
    await bench.end("completed all the same")
    await bench.start("stopped")
    await bench.manager.cancel_task("stopped")
    await bench.end("stopped", Stopped())


async def test_readers_end_with_the_manager_after_all_results(open_bench: OpenBench) -> None:
    bench = await open_bench(max_workers=50)
    reader = await bench.reader(follow=True)
    reading = bench.spawn(read_all(reader, until=ended))
    await bench.put(*(f"{number}" for number in range(50)))
    for key in list(bench.threads.waiting):
        bench.threads.begin(key)
    closing = bench.spawn(bench.manager.close())
    await bench.settle()

    for key in list(bench.threads.running):
        bench.threads.finish(key)
    await soon(closing)
    frames = await soon(reading)

    assert len(ids_of(frames)) == 50
    assert isinstance(frames[-1], EndFrame)
    assert (frames[-1].reason, frames[-1].cursor.position) == (EndReason.SHUTDOWN, 50)


async def test_a_reader_without_credit_ends_with_the_manager_too(bench: Bench) -> None:
    reader = await bench.reader(follow=True)
    await soon(reader.read())
    await finish(bench, "a")
    reading = bench.spawn(reader.read(0))

    await bench.close()

    [end] = await soon(reading)
    assert isinstance(end, EndFrame)
    assert (end.reason, end.cursor.position) == (EndReason.SHUTDOWN, 0)


async def test_nothing_can_be_read_after_the_last_frame(bench: Bench) -> None:
    reader = await bench.reader()
    await read_all(reader, until=ended)

    with pytest.raises(RuntimeError):
        await reader.read()
