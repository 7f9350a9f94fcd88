"""A server that is killed and started again under a client's results: each result once, in every language.

`make test-conformance KILLS=20` is the long form, with 10,000 tasks; the usual one is shorter.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.conformance.conftest import ServerOf, wanted_languages
from tests.conformance.programs import Language, Program
from tests.conformance.servers import Running
from tests.conformance.wire import conformance_pb2 as wire

import millhand

_KILLS = int(os.environ.get("MILLHAND_KILLS") or 4)
_TASKS = 500 * _KILLS
_BATCH = 100


@pytest.mark.timeout(600)
@pytest.mark.parametrize("language", wanted_languages(), ids=lambda language: language.name)
def test_each_result_comes_once_over_kills_of_the_server(
    language: Language, programs: Callable[[Language], Program], server_of: ServerOf
) -> None:
    server = server_of("sqlite")
    killer = _Killer(server)

    with ThreadPoolExecutor(1) as beside:
        registering = beside.submit(_register, server.connection().address)
        shown = programs(language).play(_case(server), at_pause=lambda _: None, on_seen=killer.look)
        registering.result()

    came = Counter(seen["result"]["task"]["id"] for seen in shown["results"] if "result" in seen)
    assert came == Counter(f"t{number}" for number in range(_TASKS))
    assert not [seen for step in shown.values() for seen in step if "failure" in seen or "gap" in seen]
    assert killer.kills == _KILLS


class _Killer:
    """Kills the server at even distances in the results."""

    def __init__(self, server: Running) -> None:
        self.kills = 0
        self._server = server
        self._results = 0

    def look(self, seen: wire.Seen) -> None:
        self._results += seen.WhichOneof("what") == "result"
        if self.kills < _KILLS and self._results * (_KILLS + 1) > (self.kills + 1) * _TASKS:
            self.kills += 1
            self._server.fault("restart")


def _case(server: Running) -> wire.Case:
    case = wire.Case(name="kills", connection=server.connection())
    results = case.steps.add(name="results", background=True)
    results.results.at_most = _TASKS
    results.results.brief = True
    results.results.request.follow = True
    results.results.request.after = "0"
    return case


def _register(address: str) -> None:
    """Registers all tasks, however often the server dies meanwhile."""
    with millhand.Client(address) as client:
        for start in range(0, _TASKS, _BATCH):
            batch = [millhand.task_spec("echo", id=f"t{n}") for n in range(start, start + _BATCH)]
            while not _is_registered(client, batch):
                pass


def _is_registered(client: millhand.Client, batch: list[millhand.TaskSpec]) -> bool:
    try:
        client.register_many(batch)
    except millhand.Unavailable:
        # gRPC has tried several times, with growing delays, before this is raised.
        return False
    return True
