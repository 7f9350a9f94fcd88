"""One attempt in a test's hands: what it is told, what it reports, and how it ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from millhand_server.core.execution import (
    Failed,
    Finished,
    Frame,
    Grant,
    Heartbeat,
    Outcome,
    Progressed,
    Started,
    StopCause,
    Stopped,
    Succeeded,
)
from millhand_server.core.ports import Executor, PayloadCodec
from millhand_server.testing.executor import PATIENCE_S
from millhand_server.testing.payloads import decoded


@dataclass(frozen=True)
class Ended:
    """How an attempt ended, as the engine is told it."""

    outcome: Outcome
    #: (fraction, message), in order; in a server some of many may be left out.
    progress: tuple[tuple[float, str], ...] = ()
    #: As the next attempt would get them as its `last_heartbeat`.
    heartbeats: tuple[object, ...] = ()

    @property
    def result(self) -> Any:
        """What a caller gets from the task.

        Raises:
            AssertionError: the attempt did not succeed.
        """
        match self.outcome:
            case Succeeded(output=output):
                return decoded(output)
            case other:
                raise AssertionError(f"the attempt has no result: {other}")

    @property
    def failure(self) -> Failed:
        """Why it failed: `reason`, `message`, whether it is `fatal`, and `retry_after_us`.

        Raises:
            AssertionError: the attempt did not fail.
        """
        match self.outcome:
            case Failed() as failure:
                return failure
            case other:
                raise AssertionError(f"the attempt did not fail: {other}")

    @property
    def stopped(self) -> bool:
        """Whether it ended because it was told to."""
        return isinstance(self.outcome, Stopped)


class RunningAttempt:
    """An attempt that was started. The calls that tell it something return at once, and never fail.

    Safe to use from any thread. As a context manager it tells what still runs at the end of the block to
    stop, and waits for it.
    """

    def __init__(self, executor: Executor, grant: Grant, codec: PayloadCodec) -> None:
        """Starts the attempt; `HandlerTest.start` is how tests do it."""
        self._executor = executor
        self._grant = grant
        self._codec = codec
        self._news = threading.Condition()
        self._progress: list[tuple[float, str]] = []
        self._heartbeats: list[object] = []
        self._ended: Future[Ended] = Future()
        self._begun: Future[None] = Future()
        threading.Thread(target=self._serve, name="attempt under test", daemon=True).start()
        # What has not begun would be given back when it is told to stop, and not be told.
        self._begun.result()

    @property
    def progress(self) -> list[tuple[float, str]]:
        """What it has reported of its progress so far."""
        with self._news:
            return list(self._progress)

    @property
    def heartbeats(self) -> list[object]:
        """The details of its heartbeats so far."""
        with self._news:
            return list(self._heartbeats)

    def cancel(self) -> None:
        """Somebody cancels the task."""
        self.stop(StopCause.CANCEL)

    def time_out(self) -> None:
        """The attempt has run for longer than its timeout."""
        self.stop(StopCause.TIMEOUT)

    def pass_deadline(self) -> None:
        """The task's deadline is over."""
        self.stop(StopCause.DEADLINE)

    def announce_shutdown(self) -> None:
        """The server drains: the handler sees `shutting_down`, and may go on."""
        self._tell(self._executor.announce_shutdown)

    def shut_down(self) -> None:
        """The server's grace is over: the attempt is to stop now."""
        self.stop(StopCause.SHUTDOWN)

    def stop(self, cause: StopCause) -> None:
        """Tells the attempt to stop. The first cause stands; one that has ended is not told anything."""
        self._tell(lambda: self._executor.signal([self._grant.key], cause))

    def wait_for_progress(self, count: int = 1, *, timeout_s: float = PATIENCE_S) -> None:
        """Returns when the handler has reported its progress so often: it is known to have come so far.

        Raises:
            AssertionError: it has not, within real seconds, or it ended before.
        """
        self._wait_for(lambda: len(self._progress) >= count, f"progress report {count}", timeout_s)

    def wait_for_heartbeats(self, count: int = 1, *, timeout_s: float = PATIENCE_S) -> None:
        """As `wait_for_progress`, for heartbeats."""
        self._wait_for(lambda: len(self._heartbeats) >= count, f"heartbeat {count}", timeout_s)

    def wait(self, timeout_s: float = PATIENCE_S) -> Ended:
        """Blocks until the code has ended, and says how.

        Raises:
            AssertionError: it has not, within real seconds.
        """
        try:
            return self._ended.result(timeout_s)
        except TimeoutError:
            raise AssertionError(self._too_slow(timeout_s)) from None

    async def ended(self, timeout_s: float = PATIENCE_S) -> Ended:
        """As `wait`, without blocking the loop: for handlers that need something from the test meanwhile."""
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._ended)), timeout_s)
        except TimeoutError:
            raise AssertionError(self._too_slow(timeout_s)) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shut_down()
        if error is None:
            self.wait()

    def _too_slow(self, timeout_s: float) -> str:
        return f"the code of handler {self._grant.handler!r} did not end within {timeout_s:g} s"

    def _serve(self) -> None:
        try:
            asyncio.run(self._attend())
        except BaseException as error:
            if self._begun.done():
                raise
            self._begun.set_exception(error)

    async def _attend(self) -> None:
        """Stands where the engine stands in a server, on a loop of its own."""
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._executor.start(self._take, workers=1)
        self._executor.submit([self._grant])
        await self._over.wait()
        await self._executor.stop()

    def _take(self, frames: Sequence[Frame]) -> None:
        with self._news:
            for frame in frames:
                match frame:
                    case Started():
                        self._begun.set_result(None)
                    case Progressed(fraction=fraction, message=message):
                        self._progress.append((fraction, message))
                    case Heartbeat(details=details):
                        self._heartbeats.append(self._codec.decode(details))
                    case Finished(outcome=outcome):
                        self._end(outcome)
            self._news.notify_all()

    def _end(self, outcome: Outcome) -> None:
        self._ended.set_result(Ended(outcome, tuple(self._progress), tuple(self._heartbeats)))
        self._over.set()

    def _tell(self, call: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            # The loop closes when the attempt has ended; until then nothing else can be wrong with it.
            if not self._ended.done():
                raise

    def _wait_for(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        with self._news:
            over = self._news.wait_for(lambda: condition() or self._ended.done(), timeout_s)
            if condition():
                return
        handler = self._grant.handler
        if over:
            raise AssertionError(f"handler {handler!r} ended before {what}: {self._ended.result()}")
        raise AssertionError(f"{what} of handler {handler!r} did not come within {timeout_s:g} s")
