"""What the processes of a run write down: events, one JSON line each, in files that only grow.

A line is one append, so that a process may be killed at any moment: what it had written stays, and a last
line without its end counts as never written. Times are seconds of CLOCK_MONOTONIC, which all processes of
a machine share; `wall` and `due` are seconds since 1970.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="what", tag=str.lower, omit_defaults=True):
    """Something that happened. `at` is when it was written down."""

    at: float = msgspec.field(default_factory=time.monotonic)


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task to register. `name` is its id or, of a keyed one, its idempotency key."""

    name: str
    kind: str
    handler: str
    payload: dict[str, float]
    queue: str
    priority: int = 0
    retries: int = 0
    timeout: float = 0.0
    delay: float = 0.0
    run_at: float = 0.0
    keyed: bool = False


# What a writer does.


class Asked(Event, frozen=True):
    """A task is about to be registered; once for every time."""

    plan: Plan


class Acknowledged(Event, frozen=True):
    """It was taken: `created` by this call or known before (None: ExecuteTask does not say)."""

    name: str
    id: str
    due: float
    created: bool | None = None


class Unanswered(Event, frozen=True):
    """Nobody knows whether it was taken. `advised`: the error said when to try again."""

    name: str
    error: str
    advised: bool = False


class Refused(Event, frozen=True):
    """The server said no."""

    name: str
    error: str


class CancelAsked(Event, frozen=True):
    """A task is about to be cancelled."""

    id: str


class CancelAnswered(Event, frozen=True):
    """What came of it, and the number of the task's latest attempt where the answer says it."""

    id: str
    outcome: str
    attempt: int | None = None


# What a reader sees.


class Ending(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a Result says that a task ended. `began` is its attempt's mark: see `Started`."""

    id: str
    name: str
    status: str
    attempt: int
    retries_used: int = 0
    reason: str = ""
    began: float | None = None


class Read(Event, frozen=True):
    """A result, and the cursor behind it. `stream` tells the readings of one process apart."""

    stream: str
    cursor: str
    ending: Ending


class GapRead(Event, frozen=True):
    """A gap was announced, of `missed` results if anybody knows."""

    stream: str
    cursor: str
    missed: int | None
    replaced: bool


class Finished(Event, frozen=True):
    """A session was told by its server that all of its results were delivered."""

    stream: str


class Answered(Event, frozen=True):
    """ExecuteTask came back with a result."""

    ending: Ending


# What a handler does.


class Started(Event, frozen=True):
    """An attempt's code runs. `at` is also the mark that its outcome carries."""

    id: str
    attempt: int
    pid: int
    wall: float = msgspec.field(default_factory=time.time)


class Ended(Event, frozen=True):
    """It is over: `how` is returned, failed or stopped. `began` is the `at` of its start."""

    id: str
    pid: int
    began: float
    how: str


# What becomes of the server.


class Spawned(Event, frozen=True):
    """A server process was started."""

    pid: int


class Ready(Event, frozen=True):
    """It says that it serves."""

    pid: int


class Died(Event, frozen=True):
    """It is gone. `complaint` is a line of its log that should not be there."""

    pid: int
    status: int
    complaint: str = ""


class Act(Event, frozen=True):
    """What the nemesis does; `pid` is the server's, where it is about that."""

    name: str
    detail: str = ""
    pid: int = 0


# What is there in the end.


class Settled(Event, frozen=True):
    """All was quiet, or the patience was over; `seconds` after the nemesis stopped."""

    seconds: float
    is_quiet: bool


class Restored(Event, frozen=True):
    """A backup was put in the place of the file, and a reader went on from a cursor behind it.

    `gap`: it was told that its log was replaced; `missing`: what came after the restart and it did not see.
    """

    gap: bool
    missing: list[str]


class Logged(Event, frozen=True):
    """A result of the whole log, read from its beginning."""

    cursor: str
    ending: Ending


class Kept(Event, frozen=True):
    """A task as the server lists it."""

    id: str
    name: str
    status: str


AnyEvent = (
    Asked
    | Acknowledged
    | Unanswered
    | Refused
    | CancelAsked
    | CancelAnswered
    | Read
    | GapRead
    | Finished
    | Answered
    | Started
    | Ended
    | Spawned
    | Ready
    | Died
    | Act
    | Settled
    | Restored
    | Logged
    | Kept
)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AnyEvent).decode


class History:
    """A file to write events to, from any thread. A torn last line of a predecessor is cut off first."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.ftruncate(self._file, path.read_bytes().rfind(b"\n") + 1)
        self._lock = threading.Lock()

    def write(self, *events: Event) -> None:
        lines = b"".join(_encode(event) + b"\n" for event in events)
        with self._lock:
            os.write(self._file, lines)


def read(path: Path) -> Iterator[AnyEvent]:
    """Yields the events that are complete."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield _decode(line)


def last(path: Path) -> AnyEvent | None:
    """Returns the last event that is complete, None if there is none."""
    lines = path.read_bytes().rpartition(b"\n")[0]
    return _decode(lines.rpartition(b"\n")[2]) if lines else None


def read_all(folder: Path) -> dict[str, list[AnyEvent]]:
    """Returns the events of every history in a folder, by the name of who wrote it."""
    return {path.stem: list(read(path)) for path in sorted(folder.glob("*.jsonl"))}


class Tally:
    """Counts lines as they are appended to the histories of a folder, for whoever watches."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[Path, int] = {}
        self._counts = {"acknowledged": 0, "started": 0}

    def counts(self) -> dict[str, int]:
        """Returns how many acknowledgements and starts of attempts there are by now."""
        for path in self._folder.glob("*.jsonl"):
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                grown = file.read()
            complete = grown[: grown.rfind(b"\n") + 1]
            self._offsets[path] = self._offsets.get(path, 0) + len(complete)
            for what in self._counts:
                self._counts[what] += complete.count(b'"what":"%s"' % what.encode())
        return dict(self._counts)
