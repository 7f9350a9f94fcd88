"""Promises to those who read the log: each result once, in order, whatever breaks in between."""

from __future__ import annotations

from collections.abc import Iterator

from tests.torture.histories import GapRead, Logged, Read
from tests.torture.rules.violation import Violation
from tests.torture.story import Reading, Story

from millhand_server.core.cursor import parse


def in_order(story: Story) -> Iterator[Violation]:
    """The cursors of a reading only go forward."""
    for reading in _of_the_log(story):
        epoch, position = "", 0
        for seen in reading.seen:
            cursor = parse(seen.cursor)
            if cursor is None or (cursor.epoch == epoch and cursor.position <= position):
                sentence = f"went from {epoch}-{position} to {seen.cursor}"
                yield Violation("in_order", seen.at, reading.stream, sentence)
                continue
            if epoch and cursor.epoch != epoch and not isinstance(seen, GapRead):
                sentence = f"went from {epoch} to {seen.cursor} without a gap"
                yield Violation("in_order", seen.at, reading.stream, sentence)
            epoch, position = cursor


def none_twice(story: Story) -> Iterator[Violation]:
    """No reading has a result twice."""
    for reading in story.readings.values():
        ids: set[str] = set()
        for seen in _results(reading):
            if seen.ending.id in ids:
                yield Violation("none_twice", seen.at, reading.stream, f"has {seen.ending.id} twice")
            ids.add(seen.ending.id)


def none_missing(story: Story) -> Iterator[Violation]:
    """A reading has what the log has, all of it, in its order and nothing else; a session, of its own."""
    if story.settled is None:
        return
    log = {logged.ending.id: logged for logged in story.log}
    for reading in story.readings.values():
        yield from _strange(reading, log)
    for reading in _of_the_log(story):
        only_cancelled = reading.stream.startswith("cancelled")
        ids = [
            logged.ending.id
            for logged in story.log
            if not only_cancelled or logged.ending.status == "CANCELLED"
        ]
        yield from _absent(reading, ids)
    for reading in story.readings.values():
        if reading.is_finished:
            yield from _absent(reading, _own(story, reading))


def no_gap(story: Story) -> Iterator[Violation]:
    """Nothing is announced as missing: a run is shorter than any retention."""
    for reading in story.readings.values():
        for seen in reading.seen:
            if isinstance(seen, GapRead):
                sentence = f"was told of a gap of {seen.missed} (log replaced: {seen.replaced})"
                yield Violation("no_gap", seen.at, reading.stream, sentence)


def restore_announced(story: Story) -> Iterator[Violation]:
    """After a backup is restored a reader is told of a gap, and has all that is new."""
    for restored in story.restored:
        if not restored.gap:
            sentence = "went on in a log that was replaced, and nothing said so"
            yield Violation("restore_announced", restored.at, "the reader", sentence)
        if restored.missing:
            sentence = f"never saw {len(restored.missing)} results, {restored.missing[0]} among them"
            yield Violation("restore_announced", restored.at, "the reader", sentence)


def _of_the_log(story: Story) -> list[Reading]:
    """The readings that have cursors of their own; what a session reads of others comes out of order."""
    return [reading for reading in story.readings.values() if not reading.stream.startswith("session")]


def _results(reading: Reading) -> Iterator[Read]:
    return (seen for seen in reading.seen if isinstance(seen, Read))


def _own(story: Story, reading: Reading) -> list[str]:
    return [
        task.acknowledged[0].id for task in story.acknowledged() if task.name.startswith(f"{reading.stream}-")
    ]


def _strange(reading: Reading, log: dict[str, Logged]) -> Iterator[Violation]:
    for seen in _results(reading):
        logged = log.get(seen.ending.id)
        if logged is None:
            sentence = f"saw {seen.ending.id} end {seen.ending.status}, of which the log knows nothing"
            yield Violation("none_missing", seen.at, reading.stream, sentence)
        elif seen.ending.status != logged.ending.status or seen.cursor != logged.cursor:
            sentence = f"saw {seen.ending} at {seen.cursor}, the log has {logged.ending} at {logged.cursor}"
            yield Violation("none_missing", seen.at, reading.stream, sentence)


def _absent(reading: Reading, ids: list[str]) -> Iterator[Violation]:
    seen = {read.ending.id for read in _results(reading)}
    at = reading.seen[-1].at if reading.seen else 0.0
    for task_id in ids:
        if task_id not in seen:
            yield Violation("none_missing", at, reading.stream, f"never saw the result of {task_id}")
