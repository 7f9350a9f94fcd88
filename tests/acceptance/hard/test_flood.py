"""More registrations than the queue takes: the refused are told when to come back, the rest is all done."""

from collections import Counter
from itertools import cycle
from threading import Thread

import pytest
from tests.acceptance.conftest import PATIENCE_S, Serve

from millhand import Client, QueueFull, Registered, Result, task_spec

_REGISTRATIONS = 200_000
_BATCH = 1_000
_MAX_QUEUED = 1_000


@pytest.mark.timeout(180)
def test_what_a_flood_was_acknowledged_is_done_once_and_the_rest_is_told_to_come_back(serve: Serve) -> None:
    server = serve("--store", "memory:", "--max-queued", str(_MAX_QUEUED))

    with Client(server.address) as client, client.session() as session:
        ways = cycle([client.register_many, session.register_many])
        acknowledged: list[str] = []
        for first in range(0, _REGISTRATIONS, _BATCH):
            specs = [task_spec("echo", id=f"task-{number}") for number in range(first, first + _BATCH)]
            answers = next(ways)(specs, mode="per_item")
            acknowledged += [answer.task.id for answer in answers if answer.task is not None]
            assert all(_is_taken_or_told_when(answer) for answer in answers)
        assert client.wait(timeout=PATIENCE_S).done
        log = [record.task.id for record in client.results(follow=False) if isinstance(record, Result)]

    assert Counter(log) == Counter(acknowledged)
    assert _MAX_QUEUED <= len(acknowledged) < _REGISTRATIONS


def test_the_queue_never_holds_more_than_it_may(serve: Serve) -> None:
    server = serve("--store", "memory:", "--max-queued", str(_MAX_QUEUED), "--max-workers", "1")

    with Client(server.address) as client:
        client.register("sleep", {"seconds": 600})
        threads = [Thread(target=_register_all, args=(server.address,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)

        waiting = client.wait(timeout=0).counts

    assert _MAX_QUEUED <= sum(waiting.values()) <= _MAX_QUEUED + 1


def _is_taken_or_told_when(answer: Registered) -> bool:
    if answer.error is None:
        return True
    return isinstance(answer.error, QueueFull) and answer.error.retry_after is not None


def _register_all(address: str) -> None:
    with Client(address) as client:
        client.register_many([task_spec("echo", number) for number in range(_MAX_QUEUED)], mode="per_item")
