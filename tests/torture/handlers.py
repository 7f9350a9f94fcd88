"""The handlers of a tortured server. Each start and end of an attempt is a line in the process's own file.

They are loaded by the server (`--handlers tests.torture.handlers:handlers`), which they also keep from
outliving the torture.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.torture.histories import Ended, History, Started
from tests.torture.kinds import DOOMED
from tests.torture.processes import HISTORIES_VARIABLE, stay_with_parent

from millhand.kit import Failed, Handlers, TaskContext

handlers = Handlers()
_history = History(Path(os.environ[HISTORIES_VARIABLE]) / f"attempts-{os.getpid()}.jsonl")
stay_with_parent()


@handlers.handler("quick")
def quick(task: TaskContext) -> dict[str, float]:
    """Returns at once."""
    with _attempt(task) as mark:
        return mark


@handlers.handler("quick_async")
async def quick_async(task: TaskContext) -> dict[str, float]:
    """Returns at once, on the loop."""
    with _attempt(task) as mark:
        return mark


@handlers.handler("long")
def long(request: dict[str, Any], task: TaskContext) -> dict[str, float]:
    """Takes its time; told to stop, it tidies up before it does."""
    with _attempt(task) as mark:
        if task.wait_cancelled(request["seconds"]):
            time.sleep(request.get("tidying", 0))
            task.raise_if_cancelled()
        return mark


@handlers.handler("deaf", raise_on_cancel=False)
def deaf(request: dict[str, Any], task: TaskContext) -> dict[str, float]:
    """Takes its time, whatever it is told."""
    with _attempt(task) as mark:
        time.sleep(request["seconds"])
        return mark


@handlers.handler("long_async")
async def long_async(request: dict[str, Any], task: TaskContext) -> dict[str, float]:
    """Takes its time on the loop."""
    with _attempt(task) as mark:
        await asyncio.sleep(request["seconds"])
        return mark


@handlers.handler("flaky")
def flaky(request: dict[str, Any], task: TaskContext) -> dict[str, float]:
    """Fails in its first attempts."""
    with _attempt(task) as mark:
        if task.attempt <= request["failures"]:
            raise Failed("FLAKY", json.dumps(mark))
        return mark


@handlers.handler("doomed")
def doomed(task: TaskContext) -> None:
    """Fails always. The text of its error carries what others return."""
    with _attempt(task) as mark:
        raise Failed(DOOMED, json.dumps(mark))


@contextmanager
def _attempt(task: TaskContext) -> Iterator[dict[str, float]]:
    """Writes an attempt down; what it yields goes into the outcome, which thereby says whose it is."""
    started = Started(id=task.id, attempt=task.attempt, pid=os.getpid())
    _history.write(started)
    how = "stopped"
    try:
        yield {"began": started.at}
        how = "returned"
    except Failed:
        how = "failed"
        raise
    finally:
        _history.write(Ended(id=task.id, pid=started.pid, began=started.at, how=how))
