"""Says again and again that the owner of the database is alive, so that its successor knows when it ended."""

from __future__ import annotations

import logging
import threading

from millhand_server.store.sqlite.opening import Database

logger = logging.getLogger(__name__)

#: Fine enough to tell whether two attempts were lost at the same point of their runs.
_INTERVAL_S = 0.1


class Pulse:
    """A thread that writes the time into the lock file, which waits for no disk and costs next to nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._has_failed = False
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="millhand-store-pulse", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Beats a last time, and returns when the thread has ended."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.wait(_INTERVAL_S):
            self._beat()
        self._beat()

    def _beat(self) -> None:
        try:
            self._database.beat()
        except OSError as error:
            if not self._has_failed:
                logger.warning("%s: it cannot be noted that its owner lives: %s", self._database.path, error)
            self._has_failed = True
