"""checksum: right hashes, progress, and a stop between chunks."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from millhand.kit import Cancelled, Fatal, StopReason, TaskContext
from millhand_server.handlers.checksum import _ALGORITHMS, make_checksum
from millhand_server.handlers.files import FilesRoot

MIB = 1024 * 1024


@pytest.fixture
def checksum(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    return make_checksum(FilesRoot(tmp_path))


@pytest.mark.parametrize("algorithm", _ALGORITHMS)
def test_every_algorithm_agrees_with_hashlib(
    checksum: Callable[..., dict[str, Any]], context: TaskContext, tmp_path: Path, algorithm: str
) -> None:
    (tmp_path / "file").write_bytes(b"millhand")

    result = checksum({"path": "file", "algorithm": algorithm}, context)

    assert result == {"hex": hashlib.new(algorithm, b"millhand").hexdigest(), "bytes": 8}


def test_the_default_is_sha256_and_an_empty_file_has_one(
    checksum: Callable[..., dict[str, Any]], context: TaskContext, tmp_path: Path
) -> None:
    (tmp_path / "empty").touch()

    assert checksum({"path": "empty"}, context) == {"hex": hashlib.sha256().hexdigest(), "bytes": 0}


def test_a_large_file_is_read_in_chunks_with_progress(
    checksum: Callable[..., dict[str, Any]], context: TaskContext, reporter: Any, tmp_path: Path
) -> None:
    data = bytes(range(256)) * 4096 * 2 + b"tail"
    (tmp_path / "large").write_bytes(data)

    result = checksum({"path": "large"}, context)

    assert result == {"hex": hashlib.sha256(data).hexdigest(), "bytes": 2 * MIB + 4}
    fractions = [fraction for fraction, _ in reporter.progress_reports]
    assert len(fractions) == 3
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_a_cancelled_checksum_stops_before_the_next_chunk(
    checksum: Callable[..., dict[str, Any]],
    make_context: Callable[..., TaskContext],
    reporter: Any,
    tmp_path: Path,
) -> None:
    (tmp_path / "large").write_bytes(bytes(3 * MIB))
    context = make_context()
    reporter.on_progress = lambda: context.signal(StopReason.CANCEL)

    with pytest.raises(Cancelled):
        checksum({"path": "large"}, context)

    assert len(reporter.progress_reports) == 1


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({}, "INVALID_REQUEST"),
        ({"path": 3}, "INVALID_REQUEST"),
        ({"path": "file", "algorithm": "shake_128"}, "INVALID_REQUEST"),
        ({"path": "file", "algorithm": None, "more": 1}, "INVALID_REQUEST"),
        ({"path": "absent"}, "FILE_NOT_FOUND"),
        ({"path": "../file"}, "PATH_REFUSED"),
    ],
    ids=str,
)
def test_a_bad_request_is_fatal(
    checksum: Callable[..., dict[str, Any]], context: TaskContext, request_: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Fatal) as caught:
        checksum(request_, context)

    assert caught.value.reason == reason
