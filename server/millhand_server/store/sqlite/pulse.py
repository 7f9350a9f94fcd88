"""Says again and again that the database's owner is alive, and looks whether its files still are there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from millhand_server.store.sqlite.opening import Database

logger = logging.getLogger(__name__)

#: Fine enough to tell whether two attempts were lost at the same point of their runs.
_INTERVAL_S = 0.1

#: How many beats there are between two looks at whether the files are where they were.
_LOOK_EVERY = 5


class Pulse:
    """A thread that writes the time into the lock file, which waits for no disk and costs next to nothing."""

    def __init__(self, database: Database, on_gone: Callable[[str], object]) -> None:
        """Takes whom to tell, on this thread and once, that the files were taken away from under us."""
        self._database = database
        self._on_gone = on_gone
        self._has_failed = False
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="millhand-store-pulse", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Beats a last time, and returns when the thread has ended."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        beats = 0
        while not self._is_over.wait(_INTERVAL_S):
            self._beat()
            beats += 1
            if beats % _LOOK_EVERY == 0 and not self._database.is_in_place():
                path = self._database.path
                self._on_gone(
                    f"{path} or its write-ahead log was moved, deleted or replaced while it was in use; "
                    "put all files back where they were before a server is started on them"
                )
                return
        self._beat()

    def _beat(self) -> None:
        try:
            self._database.beat()
        except OSError as error:
            if not self._has_failed:
                logger.warning("%s: it cannot be noted that its owner lives: %s", self._database.path, error)
            self._has_failed = True
