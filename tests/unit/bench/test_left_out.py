"""A comparison that cannot be made here is left out, loudly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.bench.case import LeftOut
from tests.bench.peers.redis import redis_program
from tests.bench.report import Report
from tests.bench.scratch import Filesystem


def test_without_redis_the_bench_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(LeftOut, match="apt-get install --no-install-recommends redis-server"):
        redis_program()


def test_what_was_left_out_is_said_at_once_at_the_end_and_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    report = Report({}, Filesystem("ext4", "/dev/sda1"))

    report.leave_out("peers", "there is no redis-server")
    at_once = capsys.readouterr().out
    report.finish()
    at_the_end = capsys.readouterr().out

    assert "peers IS LEFT OUT: there is no redis-server" in at_once
    assert "peers IS LEFT OUT: there is no redis-server" in at_the_end
    [written] = tmp_path.glob("build/bench/*.json")
    assert json.loads(written.read_text())["left_out"] == {"peers": "there is no redis-server"}


def test_databases_in_memory_are_called_that(capsys: pytest.CaptureFixture[str]) -> None:
    Report({}, Filesystem("tmpfs", "tmpfs"))

    assert "Databases lie on tmpfs, in memory" in capsys.readouterr().out
