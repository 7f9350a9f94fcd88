"""A program that inserts and ends tasks in a database, and says on standard output what was acknowledged.

To be killed by a test. Run it as `python -m tests.integration.store.inserting PATH`.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import count
from pathlib import Path

from tests.contract.steps import claim
from tests.fakes.tasks import ended, new_task

from millhand_server.core.transition import NOTHING_REPORTED, completed
from millhand_server.store.sqlite import SqliteOptions, SqliteStore
from millhand_server.testing.clock import FakeClock


async def main(path: Path) -> None:
    """Works for ever: four callers insert, one ends every other task."""
    store = SqliteStore(SqliteOptions(path), FakeClock())
    await store.open()
    numbers = count()

    async def insert() -> None:
        while True:
            name = f"t{next(numbers)}"
            await store.insert([new_task(name)], atomic=True, max_waiting=0)
            say("inserted", name)

    async def end() -> None:
        while True:
            for task in await claim(store, limit=2):
                await store.apply([completed(task.key, ended(task), b"out", NOTHING_REPORTED)])
                say("completed", task.id)

    await asyncio.gather(*(insert() for _ in range(4)), end())


def say(*words: str) -> None:
    """Writes a line at once."""
    sys.stdout.write(f"{' '.join(words)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
