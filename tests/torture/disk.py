"""Where the database lies: a small file system of its own where root may mount one, else a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_ROOMY = "1g"
_TIGHT_MARGIN = 16 * 1024

_DATABASE = "torture.db"


class Disk:
    """A folder for the database, that can be full and read-only for a while if it is a tmpfs of its own.

    Full is a size that leaves no room above what is used, so that no memory is spent on filling it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        # The kernel knows it by its full path only.
        self._folder = folder.resolve()
        self.database = self._folder / _DATABASE
        #: Why this is only a folder; empty if it is a file system.
        self.lacks = self._mount()

    def fill(self) -> None:
        """Leaves next to no room."""
        while True:
            used = shutil.disk_usage(self._folder).used
            try:
                self._remount(f"size={used + _TIGHT_MARGIN}")
            except subprocess.CalledProcessError:
                # More was written in between, and a file system is never smaller than what is on it.
                if shutil.disk_usage(self._folder).used == used:
                    raise
            else:
                return

    def free(self) -> None:
        """Leaves room again."""
        self._remount(f"size={_ROOMY}")

    def forbid_writing(self) -> None:
        """Makes it read-only. The kernel refuses that while a file is open for writing."""
        self._remount("ro")

    def allow_writing(self) -> None:
        """Ends that."""
        self._remount("rw")

    def close(self) -> None:
        """Takes the file system away, and what is on it."""
        if not self.lacks:
            subprocess.run(["umount", "--lazy", self._folder], check=True)

    def _mount(self) -> str:
        if os.geteuid() != 0:
            return "only root may mount a file system that can be filled"
        said = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={_ROOMY}", "torture", self._folder],
            capture_output=True,
            text=True,
        )
        return said.stderr.strip()

    def _remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", self._folder], check=True, capture_output=True)
