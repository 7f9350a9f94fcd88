from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.engine.bench import FAILED, Bench, ids_of, kinds_of, read_all, soon, spec
from tests.engine.conftest import OpenBench

from millhand_server.core.cursor import Cursor
from millhand_server.core.errors import SlowReader
from millhand_server.core.ports import Retention
from millhand_server.core.query import EVERYTHING, TaskFilter
from millhand_server.core.status import TaskStatus
from millhand_server.core.task import SECOND_US
from millhand_server.engine.answers import EndFrame, EndReason, GapFrame, SlowReaderPolicy, StreamFrame
from millhand_server.engine.reading import ReadRequest

FOREIGN = "0123456789abcdef-3"


def ended(frames: list[StreamFrame]) -> bool:
    return bool(frames) and isinstance(frames[-1], EndFrame)


async def finish(bench: Bench, *ids: str, handler: str = "work") -> None:
    for task_id in ids:
        await bench.put(task_id, handler=handler)
        await bench.run(task_id)


@pytest.fixture
async def trimmed(open_bench: OpenBench) -> Bench:
    """A manager whose log keeps three results, and had five: `d` and `e` came after the first three."""
    bench = await open_bench(retention=Retention(count=3))
    await finish(bench, *"abcde")
    assert await bench.results() == ["c", "d", "e"]
    return bench


async def test_a_trimmed_cursor_meets_a_gap_and_then_the_oldest_retained_result(trimmed: Bench) -> None:
    after, oldest = Cursor(trimmed.manager.epoch, 1), Cursor(trimmed.manager.epoch, 2)

    reader = await trimmed.reader(after=str(after))
    frames = await read_all(reader, until=ended)

    assert frames[0] == GapFrame(str(after), oldest, missed=1)
    assert ids_of(frames) == ["c", "d", "e"]


@pytest.mark.parametrize("after", ["", "0"])
async def test_reading_from_the_oldest_meets_no_gap(trimmed: Bench, after: str) -> None:
    frames = await read_all(await trimmed.reader(after=after), until=ended)

    assert kinds_of(frames) == ["keep alive", "result", "result", "result", "end"]


async def test_the_cursor_just_before_the_oldest_meets_no_gap(trimmed: Bench) -> None:
    reader = await trimmed.reader(after=str(Cursor(trimmed.manager.epoch, 2)))

    assert kinds_of(await read_all(reader, until=ended))[0] == "keep alive"


async def test_a_cursor_of_another_log_meets_a_gap_that_says_so(trimmed: Bench) -> None:
    frames = await read_all(await trimmed.reader(after=FOREIGN), until=ended)

    assert frames[0] == GapFrame(FOREIGN, Cursor(trimmed.manager.epoch, 2), missed=None, replaced=True)
    assert ids_of(frames) == ["c", "d", "e"]


async def test_a_cursor_past_the_end_meets_a_gap_that_says_so(trimmed: Bench) -> None:
    after = str(Cursor(trimmed.manager.epoch, 6))

    frames = await read_all(await trimmed.reader(after=after), until=ended)

    assert frames[0] == GapFrame(after, Cursor(trimmed.manager.epoch, 2), missed=None, replaced=True)


async def test_pages_tell_of_gaps_like_streams(trimmed: Bench) -> None:
    epoch = trimmed.manager.epoch

    old = await trimmed.manager.get_results(EVERYTHING, after=str(Cursor(epoch, 0)))
    foreign = await trimmed.manager.get_results(EVERYTHING, after=FOREIGN)
    oldest = await trimmed.manager.get_results(EVERYTHING, after="0")

    assert old.gap == GapFrame(str(Cursor(epoch, 0)), Cursor(epoch, 2), missed=2)
    assert foreign.gap == GapFrame(FOREIGN, Cursor(epoch, 2), missed=None, replaced=True)
    assert oldest.gap is None
    assert {len(page.results) for page in (old, foreign, oldest)} == {3}


async def test_a_reader_that_does_not_read_while_the_log_is_trimmed_meets_a_gap(
    open_bench: OpenBench,
) -> None:
    bench = await open_bench(retention=Retention(count=3))
    reader = await bench.reader(follow=True)
    await soon(reader.read())
    await finish(bench, *"abcde")

    frames = await read_all(reader, until=lambda frames: len(ids_of(frames)) == 3)

    assert kinds_of(frames) == ["gap", "result", "result", "result"]
    assert isinstance(frames[0], GapFrame)
    assert (frames[0].cursor.position, frames[0].missed) == (2, 2)


async def test_a_reader_with_a_filter_meets_the_gap_of_what_nobody_looked_at(open_bench: OpenBench) -> None:
    bench = await open_bench(retention=Retention(count=2), max_workers=5)
    reader = await bench.reader(wanted=TaskFilter(handlers=frozenset({"other"})), follow=True)
    await soon(reader.read())
    await bench.put("matches", handler="other")
    await bench.put("a", "b", "c")
    reading = bench.spawn(reader.read())

    # All in one batch: the log is trimmed before anybody could read it.
    for key in list(bench.threads.waiting):
        bench.threads.run(key)
    await bench.settle()

    [frame] = await soon(reading)
    assert isinstance(frame, GapFrame)
    assert frame.missed == 2


async def test_those_who_wait_for_a_task_have_its_result_however_little_the_log_keeps(
    open_bench: OpenBench,
) -> None:
    bench = await open_bench(retention=Retention(count=1), max_workers=5)
    calls = [bench.spawn(bench.manager.execute_task(spec(task_id))) for task_id in "abcde"]
    await bench.settle()

    for key in list(bench.threads.waiting):
        bench.threads.run(key)

    tasks = [await soon(call) for call in calls]
    assert [(task.id, task.status) for task in tasks] == [(id_, TaskStatus.COMPLETED) for id_ in "abcde"]


async def test_a_trimmed_task_counts_as_done_for_a_stream_that_ends_with_its_tasks(trimmed: Bench) -> None:
    wanted = TaskFilter(ids=frozenset({"a", "d"}))
    after = str(Cursor(trimmed.manager.epoch, 0))

    reader = await trimmed.reader(wanted=wanted, after=after, close_on_completion=True)
    frames = await read_all(reader, until=ended)

    assert kinds_of(frames) == ["gap", "result", "end"]
    assert isinstance(frames[-1], EndFrame)
    assert frames[-1].reason is EndReason.COMPLETED


async def test_a_stream_that_ends_with_its_tasks_resumes_after_the_first_of_them_was_trimmed(
    trimmed: Bench,
) -> None:
    wanted = TaskFilter(ids=frozenset({"b", "d"}))
    after_b = str(Cursor(trimmed.manager.epoch, 2))

    reader = await trimmed.reader(wanted=wanted, after=after_b, close_on_completion=True)
    frames = await read_all(reader, until=ended)

    assert kinds_of(frames) == ["keep alive", "result", "end"]


async def test_a_task_that_is_trimmed_while_a_stream_waits_for_it_counts_as_done(
    open_bench: OpenBench,
) -> None:
    bench = await open_bench(retention=Retention(count=2), max_workers=5)
    await bench.put("wanted", "a", "b", "c")
    wanted = TaskFilter(ids=frozenset({"wanted"}))
    reader = await bench.reader(wanted=wanted, close_on_completion=True)
    reading = bench.spawn(read_all(reader, until=ended))
    await bench.settle()

    for key in list(bench.threads.waiting):
        bench.threads.run(key)

    assert kinds_of(await soon(reading)) == ["keep alive", "gap", "end"]


async def test_a_failed_task_outlives_its_result_and_keeps_its_place_before_the_gap(
    open_bench: OpenBench,
) -> None:
    bench = await open_bench(retention=Retention(count=0, age_us=SECOND_US))
    await bench.put("failed", retries=0)
    await bench.run("failed", FAILED)
    await finish(bench, "newer")
    await bench.advance(10)
    await finish(bench, "newest")
    wanted = TaskFilter(ids=frozenset({"failed", "newest"}))

    reader = await bench.reader(
        wanted=wanted, after=str(Cursor(bench.manager.epoch, 0)), close_on_completion=True
    )
    frames = await read_all(reader, until=ended)

    assert await bench.status("failed") is TaskStatus.FAILED
    assert kinds_of(frames) == ["gap", "result", "end"]


async def fall_behind(bench: Bench, request: ReadRequest) -> list[StreamFrame]:
    """Lets a reader that was at the log's end stop reading for five results, and then read all."""
    reader = await bench.reader(request)
    await soon(reader.read())
    reading = bench.spawn(reader.read())
    await finish(bench, "seen")
    await soon(reading)
    await finish(bench, *"abcde")
    follows = request.follow
    return await read_all(
        reader, until=lambda frames: ended(frames) or (follows and bool(frames) and reader.caught_up)
    )


async def test_a_slow_reader_may_take_its_time(open_bench: OpenBench) -> None:
    bench = await open_bench(max_lag=3)

    frames = await fall_behind(bench, ReadRequest(follow=True))

    assert ids_of(frames) == list("abcde")


async def test_a_slow_reader_that_takes_gaps_jumps_to_the_end(open_bench: OpenBench) -> None:
    bench = await open_bench(max_lag=3)

    frames = await fall_behind(bench, ReadRequest(follow=True, policy=SlowReaderPolicy.GAP))

    epoch = bench.manager.epoch
    assert frames == [GapFrame(str(Cursor(epoch, 1)), Cursor(epoch, 6), missed=5)]


async def test_nobody_knows_how_many_a_filter_missed(open_bench: OpenBench) -> None:
    bench = await open_bench(max_lag=3)
    wanted = TaskFilter(handlers=frozenset({"work"}))

    frames = await fall_behind(bench, ReadRequest(wanted, follow=True, policy=SlowReaderPolicy.GAP))

    assert isinstance(frames[0], GapFrame)
    assert frames[0].missed is None


async def test_a_slow_reader_that_waits_for_tasks_counts_those_in_the_gap_as_done(
    open_bench: OpenBench,
) -> None:
    bench = await open_bench(max_lag=3)
    await bench.put("seen")
    await bench.manager.register_tasks([spec(task_id) for task_id in "abcde"])
    wanted = TaskFilter(ids=frozenset({"seen", *"abcde"}))
    request = ReadRequest(wanted, close_on_completion=True, policy=SlowReaderPolicy.GAP)

    frames = await fall_behind(bench, request)

    assert kinds_of(frames) == ["gap", "end"]


async def test_a_slow_reader_that_is_to_be_disconnected_gets_an_end_with_its_cursor(
    open_bench: OpenBench,
) -> None:
    bench = await open_bench(max_lag=3)

    [end] = await fall_behind(bench, ReadRequest(follow=True, policy=SlowReaderPolicy.DISCONNECT))

    assert isinstance(end, EndFrame)
    assert (end.reason, end.cursor.position) == (EndReason.SLOW_READER, 1)


async def test_a_stream_to_be_disconnected_raises_after_its_last_frame(open_bench: OpenBench) -> None:
    bench = await open_bench(max_lag=3)
    request = ReadRequest(follow=True, policy=SlowReaderPolicy.DISCONNECT)
    stream = aiter(bench.manager.stream_results(request))
    await soon(anext(stream))
    first = bench.spawn(_next(stream))
    await finish(bench, "seen")
    await soon(first)
    await finish(bench, *"abcde")

    last = await soon(anext(stream))

    assert kinds_of([last]) == ["end"]
    with pytest.raises(SlowReader):
        await soon(anext(stream))


async def _next(stream: AsyncIterator[StreamFrame]) -> StreamFrame:
    return await anext(stream)


async def test_catching_up_with_an_old_cursor_is_not_slow(open_bench: OpenBench) -> None:
    bench = await open_bench(max_lag=3)
    await finish(bench, *"abcdefgh")

    reader = await bench.reader(after="0", follow=True, policy=SlowReaderPolicy.DISCONNECT)
    frames = await read_all(reader, until=lambda frames: len(ids_of(frames)) == 8)

    assert ids_of(frames) == list("abcdefgh")
