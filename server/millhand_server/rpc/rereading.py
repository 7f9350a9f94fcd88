"""Reads files again while the server runs, so that tokens and certificates change without a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from millhand_server.core.ports import Clock
from millhand_server.core.task import SECOND_US
from millhand_server.engine.clock import Wakeup

#: How old what is in force may be.
INTERVAL_US = 1 * SECOND_US

logger = logging.getLogger(__name__)


class UnusableFile(Exception):
    """A file cannot be used as it is. The text is a sentence that names it, and quotes nothing of it."""


class Rereadable(Protocol):
    """Settings in files. `adopt` is called on the loop, so that nobody sees half a change."""

    @property
    def paths(self) -> Sequence[str]:
        """The files to look at."""
        ...

    def adopt(self, contents: Sequence[bytes]) -> None:
        """Puts what the files hold, in the order of `paths`, in force; all of it or nothing.

        Raises:
            UnusableFile: it is not good; what was in force stays.
        """
        ...


class Rereading:
    """Looks at files every second. Belongs to one event loop; `start` it once, `stop` it once."""

    def __init__(self, clock: Clock, watched: Sequence[Rereadable]) -> None:
        self._clock = clock
        self._watched = [_Watched(settings) for settings in watched]
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look; what is watched has been read by then."""
        if self._watched:
            self._task = asyncio.create_task(self._run(), name="millhand rereading")
            self._task.add_done_callback(_tell_of_death)

    async def stop(self) -> None:
        """Ends the looking; may be called without a start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def look(self) -> None:
        """Looks once, and puts in force what has changed and is good."""
        for watched in self._watched:
            await watched.look()

    async def _run(self) -> None:
        tick = Wakeup(self._clock)
        while True:
            await tick.wait(INTERVAL_US)
            await self.look()


def _tell_of_death(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("changed files are not read any more until a restart", exc_info=error)


class _Watched:
    """One thing to read again, and what was seen of it last: a fault is told once and not every second."""

    def __init__(self, settings: Rereadable) -> None:
        self._settings = settings
        self._seen: list[bytes] | str | None = None

    async def look(self) -> None:
        try:
            # Off the loop: the files may be on a disk that has gone to sleep, or on a network.
            found = await asyncio.to_thread(read_all, self._settings.paths)
        except UnusableFile as fault:
            self._refuse(fault, str(fault))
            return
        if found == self._seen:
            return
        try:
            self._settings.adopt(found)
        except UnusableFile as fault:
            self._refuse(fault, found)
            return
        if self._seen is not None:
            logger.info("%s: changed, and read again", ", ".join(self._settings.paths))
        self._seen = found

    def _refuse(self, fault: UnusableFile, seen: list[bytes] | str) -> None:
        if seen != self._seen:
            logger.error("%s; what was read before stays in force", fault)
        self._seen = seen


def read_all(paths: Sequence[str]) -> list[bytes]:
    """Returns what files hold.

    Contents are compared, not times of change: two changes within one tick of a file system's clock happen.

    Raises:
        UnusableFile: one cannot be read.
    """
    contents = []
    for path in paths:
        try:
            contents.append(Path(path).read_bytes())
        except OSError as error:
            raise UnusableFile(f"{path} cannot be read: {error.strerror or type(error).__name__}") from None
    return contents
