"""Trying again while a queue is full, for as long as the caller said and as often as the server advises."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from millhand import errors
from millhand.protocol import times
from millhand.protocol.records import Registered
from millhand.protocol.specs import with_id
from millhand.protocol.steps import Call, Operation, Sleep
from millhand.v1 import task_pb2

#: What stands in for the server's advice, where it gives none.
DEFAULT_DELAY_S = 1.0
#: How far past the advice a caller may wait, so that those who were refused together do not return together.
SPREAD = 0.5


class FullQueue:
    """The patience of one caller with a full queue.

    Args:
        retry_for: How long, from now on; None is not at all.
        now: The clock's time.
        jitter: A number from 0 to 1.
    """

    def __init__(
        self,
        retry_for: times.Seconds | None,
        now: Callable[[], float],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._now = now
        self._jitter = jitter
        seconds = times.optional_s(retry_for, "retry_when_full")
        self._give_up_at = None if seconds is None else now() + seconds

    def delay_after(self, error: errors.QueueFull) -> float:
        """How many seconds to wait before the next try, never less than the server advises.

        Raises:
            QueueFull: `error` itself, if the caller has no patience or it ends before the next try.
        """
        advised_s = DEFAULT_DELAY_S if error.retry_after is None else error.retry_after.total_seconds()
        if self._give_up_at is None or self._now() + advised_s > self._give_up_at:
            raise error
        spread_s = advised_s * SPREAD * self._jitter()
        return min(advised_s + spread_s, self._give_up_at - self._now())

    def retrying(self, call: Call) -> Operation[Any]:
        """The answer to a call that is repeated until the queue takes it."""
        while True:
            try:
                return (yield call)
            except errors.QueueFull as full:
                delay_s = self.delay_after(full)
            yield Sleep(delay_s)


def register_all(
    send: Callable[[list[task_pb2.TaskSpec]], Operation[list[Registered]]],
    specs: Iterable[task_pb2.TaskSpec],
    patience: FullQueue,
) -> Operation[list[Registered]]:
    """Answers for all `specs`, in order; `send` is used again for those that a full queue refused."""
    # Named before the first try: a spec that is sent twice must be the same task.
    batch = [with_id(spec) for spec in specs]
    answers: dict[int, Registered] = {}
    refused = list(range(len(batch)))
    while True:
        try:
            sent = yield from send([batch[index] for index in refused])
            answers.update(zip(refused, sent, strict=True))
            full = {i: e for i in refused if isinstance(e := answers[i].error, errors.QueueFull)}
            if not full:
                break
            delay_s = _longest_delay(patience, full.values())
            if delay_s is None:
                break
            refused = list(full)
        except errors.QueueFull as error:
            delay_s = patience.delay_after(error)
        yield Sleep(delay_s)
    return [answers[index] for index in range(len(batch))]


def _longest_delay(patience: FullQueue, refusals: Iterable[errors.QueueFull]) -> float | None:
    """None if patience is over: the refusals are the answers then, and nothing is raised."""
    try:
        return max(patience.delay_after(error) for error in refusals)
    except errors.QueueFull:
        return None
