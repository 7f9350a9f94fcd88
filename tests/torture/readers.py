"""A reader of the log: `python -m tests.torture.readers NAME ADDRESS SEED LIFE`.

It goes on from the last cursor in its history, whatever killed its predecessor. A name that begins with
`cancelled` reads the cancelled tasks only.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from tests.torture.histories import GapRead, History, Read, last
from tests.torture.processes import HISTORIES_VARIABLE, stay_with_parent
from tests.torture.records import Record, event_of

from millhand import Client
from millhand.errors import Unavailable

_RETRY_S = 0.2


def main() -> None:
    """Reads until the process is killed."""
    stay_with_parent()
    name, address = sys.argv[1:3]
    path = Path(os.environ[HISTORIES_VARIABLE]) / f"{name}.jsonl"
    history = History(path)
    cursor = last_cursor(path)
    with Client(address, reconnect_timeout=None) as client:
        while True:
            try:
                follow = client.cancelled if name.startswith("cancelled") else client.results
                _write_down(follow(after=cursor), name, history)
            except Unavailable:
                # Only a reading that has begun outlives its server by itself.
                time.sleep(_RETRY_S)
                cursor = last_cursor(path)


def last_cursor(path: Path) -> str:
    """Returns where a reading goes on; "0", the oldest there is, if it never began."""
    event = last(path)
    return event.cursor if isinstance(event, Read | GapRead) else "0"


def _write_down(records: Iterable[Record], stream: str, history: History) -> None:
    for record in records:
        event = event_of(record, stream)
        if event is not None:
            history.write(event)


if __name__ == "__main__":
    main()
