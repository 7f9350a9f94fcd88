"""Small disks of a test's own, where mounting is allowed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def tmpfs(path: Path, size: str = "4m") -> Iterator[Path]:
    """Mounts a disk of this size. Skips the test where that is not allowed."""
    path.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], capture_output=True)
    if mount.returncode:
        if os.environ.get("MILLHAND_CI"):
            pytest.fail(f"mounting must work here: {mount.stderr.decode()}")
        pytest.skip("only root may mount a small disk")
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """Makes a mounted disk read-only for a while."""
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
