"""What all parts of an engine share."""

from __future__ import annotations

from dataclasses import dataclass

from millhand_server.core.ports import Clock, TaskStore
from millhand_server.engine.arrivals import Arrivals
from millhand_server.engine.attempts import LiveAttempts
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.limiter import TokenBucket
from millhand_server.engine.observing import Observing
from millhand_server.engine.options import ManagerOptions
from millhand_server.engine.tail import LogTail


@dataclass(frozen=True, slots=True)
class Shared:
    """One per engine. All of it belongs to the engine's loop, except the catalogue, which never changes."""

    node: str
    store: TaskStore
    catalogue: Catalogue
    clock: Clock
    options: ManagerOptions
    arrivals: Arrivals
    live: LiveAttempts
    tail: LogTail
    limiter: TokenBucket
    observing: Observing
