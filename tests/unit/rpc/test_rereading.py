import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from millhand_server.rpc.rereading import Rereading, UnusableFile
from millhand_server.testing.clock import FakeClock


class Settings:
    """Takes anything but `bad`, and rings for each adoption."""

    def __init__(self, *files: Path) -> None:
        self.paths: Sequence[str] = [str(file) for file in files]
        self.adopted: list[list[bytes]] = []
        self.rang = asyncio.Event()

    def adopt(self, contents: Sequence[bytes]) -> None:
        if b"bad" in contents:
            raise UnusableFile("the file: line 7: it is bad")
        self.adopted.append(list(contents))
        self.rang.set()


async def test_a_change_is_in_force_after_a_look(tmp_path: Path) -> None:
    one, two = _file(tmp_path, "one", "1"), _file(tmp_path, "two", "2")
    settings = Settings(one, two)
    rereading = Rereading(FakeClock(), [settings])
    await rereading.look()

    two.write_text("3")
    await rereading.look()
    await rereading.look()

    assert settings.adopted == [[b"1", b"2"], [b"1", b"3"]]


async def test_a_bad_file_is_told_once_and_what_was_good_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file = _file(tmp_path, "one", "1")
    settings = Settings(file)
    rereading = Rereading(FakeClock(), [settings])
    await rereading.look()

    file.write_text("bad")
    await rereading.look()
    await rereading.look()

    assert settings.adopted == [[b"1"]]
    assert caplog.messages == ["the file: line 7: it is bad; what was read before stays in force"]


async def test_a_file_that_is_gone_is_told_once_and_taken_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file = _file(tmp_path, "one", "1")
    settings = Settings(file)
    rereading = Rereading(FakeClock(), [settings])
    await rereading.look()

    file.unlink()
    await rereading.look()
    await rereading.look()
    file.write_text("2")
    await rereading.look()

    assert settings.adopted == [[b"1"], [b"2"]]
    assert caplog.messages == [
        f"{file} cannot be read: No such file or directory; what was read before stays in force",
        f"{file}: changed, and read again",
    ]


async def test_a_file_changed_without_a_trace_in_its_times_is_noticed(tmp_path: Path) -> None:
    file = _file(tmp_path, "one", "1")
    settings = Settings(file)
    rereading = Rereading(FakeClock(), [settings])
    await rereading.look()
    before = file.stat()

    file.write_text("2")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    await rereading.look()

    assert settings.adopted == [[b"1"], [b"2"]]


async def test_it_looks_every_second_until_it_is_stopped(tmp_path: Path) -> None:
    clock = FakeClock()
    file = _file(tmp_path, "one", "1")
    settings = Settings(file)
    rereading = Rereading(clock, [settings])

    rereading.start()
    await asyncio.sleep(0)
    clock.advance(1)
    async with asyncio.timeout(10):
        await settings.rang.wait()
    await rereading.stop()

    assert settings.adopted == [[b"1"]]


async def test_nothing_to_look_at_costs_nothing() -> None:
    clock = FakeClock()
    rereading = Rereading(clock, [])

    rereading.start()
    await rereading.stop()

    assert len(asyncio.all_tasks()) == 1


def _file(folder: Path, name: str, content: str) -> Path:
    file = folder / name
    file.write_text(content)
    return file
