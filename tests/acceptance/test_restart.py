"""A server that is killed and started again on the same file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.acceptance.conftest import Serve

from millhand import Client, Gap, Progress, Result, TaskStatus

_COUNT = 50


def _results(client: Client, ids: list[str], after: str) -> tuple[list[str], list[Gap]]:
    """Reads until all of these tasks are done."""
    read: list[str] = []
    gaps: list[Gap] = []
    with client.results(after=after, follow=True) as results:
        for record in results:
            if isinstance(record, Gap):
                gaps.append(record)
            if isinstance(record, Result):
                read.append(record.task.id)
            if set(ids) <= set(read):
                break
    return read, gaps


@pytest.mark.parametrize("synchronous", ["FULL", "NORMAL"])
def test_a_kill_loses_nothing_that_was_acknowledged_and_cursors_stay_good(
    serve: Serve, tmp_path: Path, synchronous: str
) -> None:
    store = f"sqlite:///{tmp_path}/tasks.db?synchronous={synchronous}"
    killed = serve("--store", store, "--max-workers", "1")
    with Client(killed.address) as client:
        client.execute("echo", 0, id="before")
        with client.results(after="0") as results:
            assert next(record.task.id for record in results if isinstance(record, Result)) == "before"
            cursor = results.cursor
        with client.results(ids=["running"], include_progress=True) as reports:
            client.register("sleep", {"seconds": 0.5, "progress": True}, id="running")
            assert isinstance(next(reports), Progress)
        waiting = [client.register("echo", n, id=f"t{n}").id for n in range(_COUNT)]
        client.register("echo", delay=3600, id="later")
    killed.process.kill()
    killed.ended()

    server = serve("--store", store)
    with Client(server.address) as client:
        read, gaps = _results(client, ["running", *waiting], after=cursor)
        running, later, before = (client.get(name) for name in ("running", "later", "before"))

    assert gaps == []
    assert sorted(read) == sorted(["running", *waiting])
    assert (TaskStatus(running.status), running.attempt, running.retries_used) == (TaskStatus.COMPLETED, 2, 0)
    assert TaskStatus(later.status) is TaskStatus.SCHEDULED
    assert TaskStatus(before.status) is TaskStatus.COMPLETED


def test_a_clean_stop_leaves_what_waits_to_the_next_start(serve: Serve, tmp_path: Path) -> None:
    first = serve("--grace", "0", "--max-workers", "1", cwd=tmp_path)
    with Client(first.address) as client:
        with client.results(ids=["running"], include_progress=True) as reports:
            client.register("sleep", {"seconds": 2, "progress": True}, id="running")
            assert isinstance(next(reports), Progress)
        client.register("echo", 1, id="waiting")
        client.shutdown()
    status = first.ended()

    second = serve(cwd=tmp_path)
    with Client(second.address) as client:
        read, _ = _results(client, ["running", "waiting"], after="0")

    assert status == 0
    assert sorted(read) == ["running", "waiting"]
    assert (tmp_path / "millhand.db").exists()


def test_a_second_server_on_the_file_is_refused_with_a_sentence(serve: Serve, tmp_path: Path) -> None:
    first = serve(cwd=tmp_path)
    assert first.address

    second = serve(cwd=tmp_path)

    assert second.ended() == 1
    said = second.stderr.rest()
    assert re.search(f"millhand.db is in use by process {first.process.pid} on .*; stop that server", said)
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        pytest.param(
            "nowhere/tasks.db", "the directory .*/nowhere does not exist; make it", id="no directory"
        ),
        pytest.param(".", "is a directory; name a file in it", id="directory"),
        pytest.param("notes.db", "notes.db is not an SQLite database; name another file", id="another file"),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_start_with_a_sentence(
    serve: Serve, tmp_path: Path, place: str, sentence: str
) -> None:
    (tmp_path / "notes.db").write_text("buy milk\n" * 200)

    server = serve("--store", f"sqlite:///{tmp_path}/{place}")

    assert server.ended() == 1
    said = server.stderr.rest()
    assert re.search(sentence, said)
    assert "Traceback" not in said
