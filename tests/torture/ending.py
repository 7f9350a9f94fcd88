"""The end of a run: everybody comes to rest, and what the server then knows is written down."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.torture.histories import History, Kept, Logged, Settled
from tests.torture.processes import Role
from tests.torture.readers import last_cursor
from tests.torture.records import ending_of_result

from millhand import Client, Result, TaskStatus

#: How long writers may take to have all answers, tasks to be final, readers to catch up.
WRITERS_S = 45.0
TASKS_S = 45.0
READERS_S = 20.0

_PAGE = 1000


def come_to_rest(
    address: str,
    writers: Sequence[Role],
    readers: Sequence[Role],
    histories: Path,
    say: Callable[[str], None],
) -> None:
    """Lets the writers finish, waits until all is final, writes the log down, and ends the readers."""
    history = History(histories / "end.jsonl")
    began = time.monotonic()
    for role in writers:
        role.ask_to_end()
    for role in writers:
        if not role.end(max(1.0, began + WRITERS_S - time.monotonic())):
            say(f"{role.name} did not end by itself")
    with Client(address, timeout=60) as client:
        is_quiet = client.wait(timeout=TASKS_S).done
        history.write(Settled(seconds=time.monotonic() - began, is_quiet=is_quiet))
        cursor = _write_log(client, history)
        for task in client.list(page_size=_PAGE):
            history.write(
                Kept(
                    id=task.id,
                    name=task.idempotency_key or task.id,
                    status=TaskStatus(task.status).name,
                )
            )
    _let_catch_up([histories / f"{role.name}.jsonl" for role in readers], cursor)
    for role in readers:
        role.kill()


def _write_log(client: Client, history: History) -> dict[bool, str]:
    """Writes all results down; returns the cursor of the last one, and of the last cancelled one."""
    last = {False: "0", True: "0"}
    with client.results(after="0", follow=False) as records:
        for record in records:
            assert isinstance(record, Result)
            history.write(Logged(cursor=record.cursor, ending=ending_of_result(record)))
            last[False] = record.cursor
            if record.status is TaskStatus.CANCELLED:
                last[True] = record.cursor
    return last


def _let_catch_up(paths: Sequence[Path], last: dict[bool, str]) -> None:
    """Waits until each reader has the last result that is for it; the checker sees who has not."""
    give_up_at = time.monotonic() + READERS_S
    behind = list(paths)
    while behind and time.monotonic() < give_up_at:
        time.sleep(0.2)
        behind = [path for path in behind if last_cursor(path) != last[path.stem.startswith("cancelled")]]
