"""How the process ends: at once, whatever the handlers' code has left behind in it."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import NoReturn

#: What the names of the event loop's own threads begin with; they rest between two uses.
LOOPS_OWN = "asyncio"

#: How long workers that have nothing to do are waited for.
_IDLE_WORKERS_S = 1.0

logger = logging.getLogger(__name__)


def left_running() -> list[str]:
    """Returns the names of the threads that do not end: ours that are stuck, and handlers' own.

    Waits a moment for those that are about to.
    """
    threads = [thread for thread in threading.enumerate() if _may_stay(thread)]
    for thread in threads:
        thread.join(_IDLE_WORKERS_S / len(threads))
    return [thread.name for thread in threads if thread.is_alive()]


def end(status: int) -> NoReturn:
    """Ends the process. Python's own way to do so waits for every thread and runs what handlers registered.

    Either could take for ever, and the tasks' outcomes are stored by now. Should even the last words of the
    log not get through, another signal ends it.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        # A handler may have closed it, or nobody reads it any more: too late to matter.
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()
    os._exit(status)


def _may_stay(thread: threading.Thread) -> bool:
    if thread is threading.main_thread() or thread.name.startswith(LOOPS_OWN):
        return False
    return not thread.daemon or thread.name.startswith("millhand-")
