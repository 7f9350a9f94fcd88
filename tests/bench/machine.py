"""Where a run was measured: versions, machine, and what else ran on it."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("millhand", "grpcio", "protobuf", "uvloop", "msgspec")


def describe_machine() -> dict[str, object]:
    """Returns versions and hardware as plain data."""
    return {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "commit": _commit(),
        "system": platform.platform(),
        "cpu": _cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
    }


def load_average() -> list[float]:
    """Returns how many processes wanted a CPU over the last 1, 5 and 15 minutes."""
    return [round(one, 2) for one in os.getloadavg()]


class OtherPrograms:
    """Tells how much CPU the machine gave to others than this process and its children since it was made."""

    def __init__(self) -> None:
        self._busy_s = _busy_s()
        self._own_s = _own_s()

    def cpu_s(self) -> float:
        """Returns seconds of CPU. Children count once they have ended."""
        return max(0.0, _busy_s() - self._busy_s - (_own_s() - self._own_s))


def _busy_s() -> float:
    user, nice, system, _, _, *rest = map(int, Path("/proc/stat").read_text().split(None, 11)[1:9])
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _commit() -> str:
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True
    )
    return said.stdout.strip()


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
