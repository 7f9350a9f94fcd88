"""A server, a varied set of tasks on real files, and their results as they come. `make demo` runs it.

It needs nothing but the public client; the server is a process beside it, as it would be anywhere.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from millhand import Blob, Client, Gap, Progress, Result, TaskSpec, TaskStatus, task_spec

if TYPE_CHECKING:
    import rich.progress

ROOT = Path(__file__).resolve().parent.parent

BIG_FILE_BYTES = 512 * 1024 * 1024
LONG_SLEEP = "a long sleep, cancelled"


def main() -> int:
    began = time.monotonic()
    with TemporaryDirectory(prefix="millhand-demo-") as folder:
        files = Path(folder)
        shutil.copytree(ROOT / "docs", files / "docs")
        with (files / "big.bin").open("wb") as big:
            # A hole: the disk holds nothing of it, and reading it takes as long as reading anything.
            big.truncate(BIG_FILE_BYTES)
        with serving(files) as address, Client(address) as client:
            say(f"A server on {address}, with two workers.")
            specs = tasks(client, files)
            say(f"\n{len(specs)} tasks in one call; results as they come:\n")
            statuses = Counter(watch(client, specs))
            say("\nA session, registering and reading on one stream:\n")
            statuses.update(session(client))
            say("")
            for status, count in sorted(statuses.items()):
                say(f"{short(status):9}  {count:4}")
            say(f"\nAll of it took {time.monotonic() - began:.1f} s. Stopping the server.")
            client.shutdown(timeout=5)
    return 0


def tasks(client: Client, files: Path) -> list[TaskSpec]:
    """What there is to do; a task's `name` is what we print."""
    soon = datetime.now(UTC) + timedelta(seconds=2)
    known = {handler.name for handler in client.handlers()}
    return [
        task_spec("checksum", {"path": "big.bin"}, name="half a gigabyte"),
        task_spec("sleep", {"seconds": 60, "progress": True}, name=LONG_SLEEP),
        task_spec("fail", {"times": 2}, name="fails twice, is retried", retries=3, retry_delay=0.2),
        task_spec("fail", {"times": 9, "reason": "NO_PAPER", "fatal": True}, name="fails for good"),
        task_spec("sleep", {"seconds": 9}, name="has half a second", attempt_timeout=0.5, retries=0),
        task_spec("echo", "now", name="was told to wait 2 s", run_at=soon),
        *(
            task_spec("word_count", {"path": str(page.relative_to(files))}, name=page.name)
            for page in sorted((files / "docs").glob("*.md"))
        ),
        *(thumbnails() if "thumbnail" in known else []),
        # Asked for last and started first: like `nice`, lower is more urgent.
        task_spec("word_count", {"path": "docs/design.md"}, name="design.md, urgent", priority=-10),
    ]


def thumbnails() -> Iterator[TaskSpec]:
    """Images that are drawn here, each to be made small there; the size travels as labels."""
    for number in range(3):
        yield task_spec(
            "thumbnail",
            Blob(data=picture(640 + 320 * number, 480), content_type="image/bmp"),
            name=f"picture {number + 1}",
            labels={"width": "64", "height": "64"},
        )


def picture(width: int, height: int) -> bytes:
    """A gradient as BMP, which needs no library; `width` is a multiple of 4."""
    row = bytes(value for x in range(width) for value in (255 - x * 255 // width, 96, x * 255 // width))
    header_bytes = 54
    file_header = struct.pack("<2sIII", b"BM", header_bytes + len(row) * height, 0, header_bytes)
    bits_per_pixel = 24
    image_header = struct.pack("<IiiHH6I", 40, width, height, 1, bits_per_pixel, *(0,) * 6)
    return file_header + image_header + row * height


def watch(client: Client, specs: list[TaskSpec]) -> Iterator[TaskStatus]:
    """Registers the tasks, shows what comes of them, and gives how each ended."""
    client.register_many(specs)
    names = {spec.id: spec.name for spec in specs}
    with (
        a_screen(names) as screen,
        client.results(ids=names, close_on_completion=True, include_progress=True) as reader,
    ):
        for record in reader:
            match record:
                case Progress():
                    screen.progress(record)
                    if names[record.task_id] == LONG_SLEEP and record.fraction > 0.02:
                        client.cancel(record.task_id, "seen enough")
                case Result():
                    screen.result(record)
                    yield record.status
                case Gap():
                    raise RuntimeError("the log of a server this young has no gaps")


def session(client: Client) -> Iterator[TaskStatus]:
    """Sends a thousand tasks and reads their results on one stream."""
    total = 0
    with client.session() as stream:
        stream.subscribe()
        stream.register_many([task_spec("echo", n) for n in range(1000)])
        stream.finish()
        for record in stream.results():
            if isinstance(record, Result):
                total += record.unwrap(int)
                yield record.status
    say(f"1,000 results, and their sum is {total:,}.")


@contextmanager
def serving(files: Path) -> Iterator[str]:
    """A server on a free port, as a process; gives its address. It must end cleanly."""
    command = [sys.executable, "-m", "millhand_server", "serve", "--port", "0", "--store", "memory:"]
    options = ["--max-workers", "2", "--files-root", str(files), "--log-level", "error"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().split()[-1]
            status = server.wait(20)
        finally:
            server.kill()
    if status != 0:
        raise RuntimeError(f"the server ended with status {status}")


class Screen:
    """A line for each result."""

    def progress(self, progress: Progress) -> None:
        """A line for each would bury the results."""

    def result(self, result: Result) -> None:
        say(line(result))


class LiveScreen(Screen):
    """A line for each result, and below them a bar for each task that runs and tells how far it is."""

    def __init__(self, bars: rich.progress.Progress, names: Mapping[str, str]) -> None:
        self._bars = bars
        self._names = names
        self._rows: dict[str, rich.progress.TaskID] = {}

    def progress(self, progress: Progress) -> None:
        row = self._rows.get(progress.task_id)
        if row is None:
            row = self._bars.add_task(self._names[progress.task_id], total=1.0)
            self._rows[progress.task_id] = row
        self._bars.update(row, completed=progress.fraction)

    def result(self, result: Result) -> None:
        row = self._rows.pop(result.task.id, None)
        if row is not None:
            self._bars.remove_task(row)
        self._bars.console.print(
            line(result), markup=False, highlight=False, no_wrap=True, overflow="ellipsis"
        )


@contextmanager
def a_screen(names: Mapping[str, str]) -> Iterator[Screen]:
    """With bars on a terminal, where rich is installed."""
    if not sys.stdout.isatty() or find_spec("rich") is None:
        yield Screen()
        return
    from rich.progress import Progress as Bars

    with Bars(transient=True) as bars:
        yield LiveScreen(bars, names)


def line(result: Result) -> str:
    task = result.task
    return f"{short(result.status):9}  {task.handler:10}  {task.name:29}  {outcome(result)}"


def short(status: TaskStatus) -> str:
    return "DEADLINE" if status is TaskStatus.CONTEXT_DEADLINE_REACHED else status.name


def outcome(result: Result) -> str:
    """What came of a task, in a few words."""
    if result.error is not None:
        return f"{result.error.reason}: {result.error.message}"
    match result.task.handler, result.output:
        case "word_count", {"words": words, "top": [[word, count], *_]}:
            return f"{words:,} words, of which {count} are “{word}”"
        case "checksum", {"hex": digest, "bytes": size}:
            return f"{size:,} bytes: {digest[:12]}…"
        case _, Blob(data=data, content_type=kind):
            return f"{len(data):,} bytes of {kind}"
        case _, output:
            attempts = f" at attempt {result.task.attempt}" if result.task.attempt > 1 else ""
            return f"{output}{attempts}"


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
