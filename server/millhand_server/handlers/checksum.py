"""checksum: streams a file through a hash function."""

import hashlib
import os
from collections.abc import Callable
from typing import Any

from millhand.kit import TaskContext, handler
from millhand_server.handlers.files import FilesRoot
from millhand_server.handlers.requests import invalid, read_fields, read_text

_CHUNK_BYTES = 1024 * 1024

# The extendable ones (shake) are missing: they have no one length.
_ALGORITHMS = (
    "sha256",
    "sha1",
    "sha224",
    "sha384",
    "sha512",
    "sha3_224",
    "sha3_256",
    "sha3_384",
    "sha3_512",
    "blake2b",
    "blake2s",
    "md5",
)


def make_checksum(files: FilesRoot) -> Callable[..., dict[str, Any]]:
    """The `checksum` handler over the files below `files`."""

    @handler("checksum", example={"path": "README.md", "algorithm": "sha256"})
    def checksum(request: dict[str, Any], task: TaskContext) -> dict[str, Any]:
        """Hashes the file at `path`, by default with sha256; reports progress, stops within a chunk."""
        fields = read_fields(request, "path", "algorithm")
        path = read_text(fields, "path")
        algorithm = read_text(fields, "algorithm", default="sha256")
        if algorithm not in _ALGORITHMS:
            raise invalid(f"'algorithm' is one of {', '.join(_ALGORITHMS)}.")
        digest = hashlib.new(algorithm, usedforsecurity=False)
        with files.open(path) as file:
            size = os.fstat(file.fileno()).st_size
            done = 0
            while chunk := file.read(_CHUNK_BYTES):
                task.raise_if_cancelled()
                digest.update(chunk)
                done += len(chunk)
                # A file may grow while it is read.
                task.progress(min(1.0, done / max(size, 1)))
        return {"hex": digest.hexdigest(), "bytes": done}

    return checksum
