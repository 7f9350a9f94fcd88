"""What a dispatcher remembers of lanes."""

from __future__ import annotations

from millhand_server.core.ports import LaneHead
from millhand_server.core.task import Lane
from millhand_server.engine.lanebook import LaneBook

NOW = 1_000_000_000
SECOND = 1_000_000


def lane(queue: str = "q", handler: str = "echo") -> Lane:
    return Lane(queue, "", handler)


def test_a_lane_is_due_when_its_time_has_come() -> None:
    book = LaneBook()
    book.offer(lane("now"), NOW, NOW)
    book.offer(lane("later"), NOW + SECOND, NOW)

    assert book.due(NOW) == (lane("now"),)
    assert book.next_due_us() == NOW + SECOND
    assert set(book.due(NOW + SECOND)) == {lane("now"), lane("later")}
    assert book.next_due_us() is None


def test_a_due_lane_stays_due_when_the_clock_is_set_back() -> None:
    book = LaneBook()
    book.offer(lane(), NOW, NOW)

    assert book.due(NOW - 3_600 * SECOND) == (lane(),)


def test_a_lane_that_was_taken_out_is_known_again_once_the_store_has_said_how_it_stands() -> None:
    book = LaneBook()
    book.offer(lane(), NOW, NOW)
    book.take_out(book.due(NOW))
    assert book.due(NOW) == ()

    book.note(LaneHead(lane(), "head", None), NOW)

    assert book.due(NOW) == (lane(),)


def test_the_earliest_of_several_times_counts() -> None:
    book = LaneBook()
    book.offer(lane(), NOW + 9 * SECOND, NOW)
    book.offer(lane(), NOW + 3 * SECOND, NOW)
    book.offer(lane(), NOW + 6 * SECOND, NOW)

    assert book.next_due_us() == NOW + 3 * SECOND
    assert book.due(NOW + 3 * SECOND) == (lane(),)


def test_queues_take_turns_when_there_are_many() -> None:
    book = LaneBook()
    lanes = [lane(f"q{number}") for number in range(150)]
    for each in lanes:
        book.offer(each, NOW, NOW)
    seen: list[Lane] = []

    for _ in range(3):
        turn = book.due(NOW)
        book.take_out(turn)
        for each in turn:
            book.note(LaneHead(each, "head", None), NOW)
        seen.extend(turn)

    assert set(seen[:150]) == set(lanes)


def test_all_lanes_of_a_queue_come_together() -> None:
    book = LaneBook()
    for number in range(100):
        book.offer(lane("q", f"handler-{number}"), NOW, NOW)

    assert len(book.due(NOW)) == 100


def test_a_time_that_is_told_again_and_again_takes_no_memory() -> None:
    book = LaneBook()
    for _ in range(10_000):
        book.offer(lane(), NOW, NOW)
        book.take_out(book.due(NOW))
        book.note(LaneHead(lane(), None, NOW + 60 * SECOND), NOW)

    assert book.entry_count() == 1
