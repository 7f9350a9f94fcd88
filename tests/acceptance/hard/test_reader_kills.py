"""A reader that is killed at random moments has every result once, or is told what it cannot have."""

import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.acceptance.conftest import Serve
from tests.acceptance.hard import journal, programs
from tests.acceptance.hard.processes import Program

from millhand import Client, Result, TaskSpec, task_spec

_KILLS = 50
_BATCH = 400


@pytest.mark.timeout(180)
def test_every_result_is_read_once_by_a_reader_killed_at_50_random_moments_of_20000_tasks(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve("--store", "memory:")
    file = tmp_path / "results"
    moments = random.Random(50)

    with Client(server.address) as client, ThreadPoolExecutor(1) as beside:
        for number in range(_KILLS):
            # A batch is registered while the reader reads, and has more results than it is let read.
            registering = beside.submit(client.register_many, _specs(number, _BATCH))
            with Program(programs.read_into, server.address, file) as reader:
                _hear(reader, moments.randrange(_BATCH))
            registering.result()
            journal.tear(file, moments.choice((0, 0, 1, 20)))
        with Program(programs.read_into, server.address, file) as reader:
            _hear(reader, _KILLS * _BATCH - len(journal.read(file)))
            client.register("echo", id="last")
            reader.until("last")
        log = [record.task.id for record in client.results(follow=False) if isinstance(record, Result)]

    read = [entry.task_id for entry in journal.read(file)]
    assert read == log
    assert len(set(read)) == _KILLS * _BATCH + 1


def test_what_is_trimmed_while_a_reader_is_dead_is_a_gap_each_time_and_everything_adds_up(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve("--store", "memory:", "--retention-count", "200")
    file = tmp_path / "results"
    moments = random.Random(5)
    rounds, before, meanwhile = 8, 300, 500

    with Client(server.address) as client:
        # A reader without a cursor cannot miss anything: it needs one before the log is trimmed.
        client.register("echo", id="first")
        with Program(programs.read_into, server.address, file) as reader:
            reader.until("first")
        for number in range(rounds):
            client.register_many(_specs(f"{number}-before", before))
            with Program(programs.read_into, server.address, file) as reader:
                _hear(reader, moments.randrange(1, 100))
            client.register_many(_specs(f"{number}-meanwhile", meanwhile))
            assert client.wait(timeout=30).done
            with Program(programs.read_into, server.address, file) as reader:
                assert reader.says() == "gap"
        with Program(programs.read_into, server.address, file) as reader:
            client.register("echo", id="last")
            reader.until("last")

    entries = journal.read(file)
    read = [entry.task_id for entry in entries if not entry.is_gap]
    missed = [entry.missed for entry in entries if entry.is_gap]
    assert len(missed) >= rounds
    assert len(read) == len(set(read))
    assert len(read) + sum(number or 0 for number in missed) == rounds * (before + meanwhile) + 2


@pytest.mark.parametrize("is_reader_alive", [True, False], ids=["reader alive", "reader dead"])
def test_a_server_that_lost_its_memory_is_a_gap_each_time_and_never_silence(
    serve: Serve, tmp_path: Path, is_reader_alive: bool
) -> None:
    file = tmp_path / "results"
    server = serve("--store", "memory:")
    port = server.address.rpartition(":")[2]
    reader = Program(programs.read_into, server.address, file)

    for generation in range(4):
        with Client(server.address) as client:
            client.register_many(_specs(generation, 100))
            reader.until(f"{generation}-{generation * 20}")
        if not is_reader_alive:
            reader.__exit__(None, None, None)
        server.process.kill()
        server.ended()
        server = serve("--store", "memory:", port=port)
        assert server.address
        if not is_reader_alive:
            reader = Program(programs.read_into, server.address, file)
        reader.until("gap")
    with reader, Client(server.address) as client:
        client.register("echo", id="4-0")
        reader.until("4-0")

    entries = journal.read(file)
    generations = [entry.task_id.partition("-")[0] or "gap" for entry in entries]
    assert _runs(generations) == ["0", "gap", "1", "gap", "2", "gap", "3", "gap", "4"]
    assert all(entry.replaced and entry.missed is None for entry in entries if entry.is_gap)
    read = [entry.task_id for entry in entries if not entry.is_gap]
    assert len(read) == len(set(read))


def _specs(batch: object, count: int) -> list[TaskSpec]:
    return [task_spec("echo", number, id=f"{batch}-{number}") for number in range(count)]


def _hear(reader: Program, count: int) -> None:
    for _ in range(count):
        reader.says()


def _runs(values: Iterable[str]) -> list[str]:
    """The values without repetitions of the one before."""
    runs: list[str] = []
    for value in values:
        if runs[-1:] != [value]:
            runs.append(value)
    return runs
