from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from millhand_server.core.execution import Frame, Progressed, Returned
from millhand_server.core.task import AttemptKey
from millhand_server.engine.outbox import Outbox

PATIENCE_S = 5.0


class Loop:
    """Stands for an event loop: counts how often it is woken, and runs what it was woken for when told to."""

    def __init__(self, *, closed: bool = False) -> None:
        self.wakes = 0
        self.closed = closed
        self._calls: list[object] = []

    def call_soon_threadsafe(self, callback: object, *_: object) -> None:
        if self.closed:
            raise RuntimeError("Event loop is closed")
        self.wakes += 1
        self._calls.append(callback)

    def is_closed(self) -> bool:
        return self.closed

    def run(self) -> None:
        calls, self._calls = self._calls, []
        for call in calls:
            assert callable(call)
            call()


def frame(number: int) -> Frame:
    return Returned(AttemptKey("t", number, 1))


def outbox_on(loop: Loop) -> tuple[Outbox, list[list[Frame]]]:
    batches: list[list[Frame]] = []
    outbox = Outbox(loop, lambda frames: batches.append(list(frames)))  # type: ignore[arg-type]
    return outbox, batches


def test_many_frames_wake_the_loop_once_and_arrive_together_in_order() -> None:
    loop = Loop()
    outbox, batches = outbox_on(loop)

    for number in range(100):
        outbox.put(frame(number))
    outbox.put(frame(100), frame(101))
    before = list(batches)
    loop.run()

    assert before == []
    assert loop.wakes == 1
    assert batches == [[frame(number) for number in range(102)]]


def test_frames_after_a_batch_wake_the_loop_again() -> None:
    loop = Loop()
    outbox, batches = outbox_on(loop)

    outbox.put(frame(1))
    loop.run()
    outbox.put(frame(2))
    loop.run()

    assert loop.wakes == 2
    assert batches == [[frame(1)], [frame(2)]]


def test_a_frame_that_is_put_while_a_batch_is_taken_is_not_left_behind() -> None:
    loop = Loop()
    seen: list[Frame] = []

    def sink(frames: Sequence[Frame]) -> None:
        seen.extend(frames)
        if len(seen) == 1:
            outbox.put(frame(2))

    outbox = Outbox(loop, sink)  # type: ignore[arg-type]
    outbox.put(frame(1))

    loop.run()
    loop.run()

    assert seen == [frame(1), frame(2)]


def test_frames_for_a_closed_loop_are_dropped_without_a_word() -> None:
    loop = Loop(closed=True)
    outbox, batches = outbox_on(loop)

    outbox.put(frame(1))
    outbox.put(frame(2))
    loop.closed = False
    outbox.put(frame(3))
    loop.run()

    assert batches == [[frame(3)]]


def test_what_else_keeps_a_loop_from_waking_is_told() -> None:
    class Broken(Loop):
        def call_soon_threadsafe(self, callback: object, *_: object) -> None:
            raise RuntimeError("something else")

    outbox, _ = outbox_on(Broken())

    with pytest.raises(RuntimeError, match="something else"):
        outbox.put(frame(1))


async def test_frames_of_many_threads_all_arrive_each_thread_s_in_its_order() -> None:
    seen: list[Frame] = []
    done = asyncio.Event()
    threads, each = 8, 2_000

    def sink(frames: Sequence[Frame]) -> None:
        seen.extend(frames)
        if len(seen) == threads * each:
            done.set()

    outbox = Outbox(asyncio.get_running_loop(), sink)
    together = threading.Barrier(threads)

    def put_all(name: str) -> None:
        together.wait(PATIENCE_S)
        for number in range(each):
            outbox.put(Progressed(AttemptKey(name, 1, 1), 0.0, "", number))

    for number in range(threads):
        threading.Thread(target=put_all, args=(f"thread-{number}",)).start()
    await asyncio.wait_for(done.wait(), PATIENCE_S)

    for number in range(threads):
        times = [f.at_us for f in seen if isinstance(f, Progressed) and f.key.task_id == f"thread-{number}"]
        assert times == list(range(each))
