"""An environment for each peer, made once from its pinned requirements and made anew when these change."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.bench.case import LeftOut

_HERE = Path(__file__).parent
_CHECKOUT = _HERE.parents[2]
_UV = _CHECKOUT / ".tools/bin/uv"


@dataclass(frozen=True)
class PeerEnvironment:
    """Where a peer is installed, and in which versions."""

    folder: Path
    versions: dict[str, str]

    @property
    def python(self) -> Path:
        return self.folder / "bin/python"


def peer_environment(name: str) -> PeerEnvironment:
    """Returns the environment of `NAME.txt`, which is made if it is not there as this file has it.

    Raises:
        LeftOut: it cannot be made here.
    """
    requirements = _HERE / f"{name}.txt"
    folder = _CHECKOUT / ".tools/bench" / name
    made_of = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    stamp = folder / ".made-of"
    if not stamp.exists() or stamp.read_text() != made_of:
        _uv("venv", "--clear", "--python", sys.executable, str(folder))
        _uv("pip", "sync", "--require-hashes", "--python", str(folder / "bin/python"), str(requirements))
        stamp.write_text(made_of)
    listed = _uv("pip", "list", "--format", "json", "--python", str(folder / "bin/python"))
    return PeerEnvironment(folder, {one["name"]: one["version"] for one in json.loads(listed)})


def _uv(*arguments: str) -> str:
    env = os.environ | {"UV_PYTHON_DOWNLOADS": "never", "UV_SYSTEM_CERTS": "1"}
    ended = subprocess.run([_UV, "--quiet", *arguments], capture_output=True, text=True, env=env)
    if ended.returncode:
        raise LeftOut(f"`uv {' '.join(arguments)}` failed: {ended.stderr.strip()[-1_000:]}")
    return ended.stdout
