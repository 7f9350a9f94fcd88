"""Makes tasks-0001.db: every kind of task, in a file of the first schema.

Run it as `python -m tests.data.sqlite.make_0001 DIRECTORY`. The file in this directory was made by the first
version and is never made again: it stands for the files that people have.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.contract.steps import change, claim, complete, fail, put, start
from tests.fakes.tasks import ended, handler_failed, new_task

from millhand_server.core.ports import Retention
from millhand_server.core.task import SECOND_US, Progress, RetryPolicy
from millhand_server.core.transition import Reported, retrying
from millhand_server.store.sqlite import SqliteOptions, SqliteStore
from millhand_server.testing.clock import FakeClock


async def make(directory: Path) -> None:
    """Writes the file."""
    store = SqliteStore(SqliteOptions(directory / "tasks-0001.db"), FakeClock(), Retention())
    await store.open()
    await put(store, new_task("completed", payload=b"in", labels={"colour": "red"}, session_id="s1"))
    await complete(store, await start(store), b"out")
    await put(store, new_task("failed", principal="ann", idempotency_key="k1", correlation_id="c1"))
    await fail(store, await start(store))
    await put(store, new_task("cancelled"))
    await store.cancel(["cancelled"], "enough")
    await put(store, new_task("retrying", retry_policy=RetryPolicy(3.0, 9, 0.5, ("NEVER",))))
    task = await start(store)
    told = Reported(Progress(0.5, "half", 7), b"beat", 8)
    failure = ended(task, handler_failed())
    await change(store, retrying(task.key, failure, told, delay_us=60 * SECOND_US, uses_retry=True))
    await put(store, new_task("scheduled", delay_us=3600 * SECOND_US, start_timeout_us=5 * SECOND_US))
    await put(store, new_task("running"))
    await start(store)
    await store.cancel(["running"], "asked")
    await put(store, new_task("claimed"))
    await claim(store, limit=1)
    await put(store, new_task("queued", queue="mail", fairness_key="bob", handler="send", priority=-7))
    await store.close()


if __name__ == "__main__":
    asyncio.run(make(Path(sys.argv[1])))
