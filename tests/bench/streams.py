"""How quick calls are beside 0 and 500 open streams of results: `python -m tests.bench.streams`.

The streams are 500 connections from 5 other processes. GetTask makes no result, so that the streams are idle
meanwhile; ExecuteTask makes one, which goes to all 500 before the next call, on the same CPUs. The two
conditions take turns, so that a slow minute of the machine falls on both.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack

from tests.acceptance.conftest import ServerProcess
from tests.acceptance.hard import programs
from tests.acceptance.hard.processes import Program
from tests.bench.figures import figures, report

from millhand import Client

_PROGRAMS = 5
_STREAMS = 100


def main() -> None:
    """Measures and reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4, help="turns of either condition")
    parser.add_argument("--calls", type=int, default=500, help="calls of either kind in a turn")
    arguments = parser.parse_args()
    server = ServerProcess("--port", "0", "--store", "memory:")
    seconds: dict[str, list[float]] = defaultdict(list)
    try:
        with Client(server.address) as client:
            client.execute("echo", id="known")
            for _ in range(arguments.rounds):
                for streams in (0, _PROGRAMS * _STREAMS):
                    with ExitStack() as open_streams:
                        _listen(open_streams, server.address, streams)
                        kinds = {"GetTask": _get, "ExecuteTask": _execute}
                        for name, call in kinds.items():
                            seconds[f"{name}, {streams} streams"] += _time(call, client, arguments.calls)
    finally:
        server.process.kill()
        server.ended()
    report("unary calls beside streams", {name: figures(seconds[name]) for name in sorted(seconds)})


def _listen(opened: ExitStack, address: str, streams: int) -> None:
    listeners = [
        opened.enter_context(Program(programs.listen, address, _STREAMS, "none"))
        for _ in range(streams // _STREAMS)
    ]
    for listener in listeners:
        listener.until("open")


def _get(client: Client) -> None:
    client.get("known")


def _execute(client: Client) -> None:
    client.execute("echo", 1)


def _time(call: Callable[[Client], None], client: Client, count: int) -> list[float]:
    took = []
    for _ in range(count):
        began = time.perf_counter()
        call(client)
        took.append(time.perf_counter() - began)
    return took


if __name__ == "__main__":
    main()
