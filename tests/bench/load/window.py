"""What a window of load showed: rate, CPU on both sides, latencies."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from tests.bench.processes import tree_cpu_s


class Window:
    """Runs from its making to `close`.

    `pids` are the server's, or a broker's and its workers'; what descends from them counts as theirs.
    """

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self._server_s = self._cpu_s()
        self._own_s = time.process_time()
        self.began = time.perf_counter()

    def close(self, count: int) -> dict[str, float]:
        """Returns what `count` calls or items of this window cost, for `measured`."""
        seconds = time.perf_counter() - self.began
        client_s = time.process_time() - self._own_s
        server_s = self._cpu_s() - self._server_s
        return {
            "count": count,
            "rate": count / seconds,
            "server_us": 1e6 * server_s / max(count, 1),
            "server_cores": server_s / seconds,
            "client_cores": client_s / seconds,
            "all_us": 1e6 * (server_s + client_s) / max(count, 1),
        }

    def _cpu_s(self) -> float:
        return sum(map(tree_cpu_s, self._pids))


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Returns median and 99th percentile in milliseconds, both values that were measured (nearest rank)."""
    ordered = sorted(seconds)
    return {
        name: 1e3 * ordered[math.ceil(part * len(ordered)) - 1]
        for name, part in (("p50_ms", 0.5), ("p99_ms", 0.99))
    }


class WrongResults(Exception):
    """Something did not come back exactly once, or not as it should."""


def check_once(wanted: Sequence[str], came: Sequence[str]) -> None:
    """Checks that every id came exactly once, and no other.

    Raises:
        WrongResults: which is not so.
    """
    if len(came) != len(set(came)):
        raise WrongResults(f"{len(came) - len(set(came))} ids came twice")
    if set(came) != set(wanted):
        raise WrongResults(
            f"{len(set(wanted) - set(came))} ids are missing, {len(set(came) - set(wanted))} strange"
        )
