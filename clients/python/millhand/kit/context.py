"""What a running handler knows about its task and may tell the server.

Executors build one TaskContext per attempt and signal it; nothing here starts or stops code.
"""

import logging
import math
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from types import MappingProxyType, TracebackType
from typing import Any

from millhand.kit.attempt import Reporter, TaskInfo
from millhand.kit.durations import to_timedelta
from millhand.kit.errors import Cancelled, StopReason

_MAX_MESSAGE_BYTES = 4096

# One lock for every context instead of one each: it is held for a few instructions, only by signals, the
# first wait_cancelled and shields, and a lock per task would be paid by all the tasks that use none of them.
_state_lock = threading.Lock()


class TaskContext:
    """One attempt of one task, as its handler sees it.

    Safe to use from any thread, also from threads that the handler starts itself.
    """

    __slots__ = (
        "_info",
        "_logger",
        "_reporter",
        "_shield_depth",
        "_shutting_down",
        "_stop_reason",
        "_stopped",
        "_unshielded",
    )

    def __init__(self, info: TaskInfo, reporter: Reporter) -> None:
        self._info = info
        self._reporter = reporter
        self._stop_reason: StopReason | None = None
        self._shutting_down = False
        self._stopped: threading.Event | None = None
        self._shield_depth = 0
        self._unshielded: tuple[Callable[[], object], ...] = ()
        self._logger: logging.LoggerAdapter[logging.Logger] | None = None

    @property
    def id(self) -> str:
        return self._info.id

    @property
    def attempt(self) -> int:
        """1 for the first attempt; every further one counts, also those that use up no retry."""
        return self._info.attempt

    @property
    def labels(self) -> Mapping[str, str]:
        """The task's labels, read-only."""
        return MappingProxyType(self._info.labels)

    @property
    def correlation_id(self) -> str:
        return self._info.correlation_id

    @property
    def traceparent(self) -> str:
        """The W3C trace context that the task was registered with; empty when there was none."""
        return self._info.traceparent

    @property
    def deadline(self) -> datetime | None:
        """When this attempt is timed out, with a time zone; None when nothing limits it."""
        return self._info.deadline

    @property
    def last_heartbeat(self) -> object:
        """What an earlier attempt last gave to `heartbeat`; None when there is nothing."""
        return self._info.last_heartbeat

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger named `millhand.handler.<name>`.

        Its records carry `task_id`, `attempt`, and `correlation_id` and `trace_id` where there are any.
        """
        if self._logger is None:
            self._logger = _TaskLogger(
                logging.getLogger(f"millhand.handler.{self._info.handler}"), _names_of(self._info)
            )
        return self._logger

    @property
    def cancelled(self) -> bool:
        """Whether this attempt was told to stop, for whatever reason."""
        return self._stop_reason is not None

    @property
    def stop_reason(self) -> StopReason | None:
        """The first reason it was told to stop; None while it may go on."""
        return self._stop_reason

    @property
    def shutting_down(self) -> bool:
        """Whether the server drains: the attempt may still finish, but long work should come to a stop."""
        return self._shutting_down

    def wait_cancelled(self, timeout: float | timedelta | None = None) -> bool:
        """Sleeps until the attempt is told to stop, or for `timeout` (seconds or a timedelta; None: no end).

        Use it instead of `time.sleep`: it returns at once when the signal comes.

        Returns:
            True when the attempt was told to stop, False when the time is over.

        Raises:
            RuntimeError: called on a running event loop, which it would block.
            ValueError: `timeout` is negative or not finite.
        """
        limit = None if timeout is None else to_timedelta(timeout, "timeout").total_seconds()
        if _on_event_loop():
            raise RuntimeError(
                "wait_cancelled() would block the event loop; in an async handler cancellation arrives as "
                "CancelledError at the next await, so await asyncio.sleep() instead."
            )
        return self._stop_event().wait(None if limit is None else min(limit, threading.TIMEOUT_MAX))

    def raise_if_cancelled(self) -> None:
        """Raises Cancelled when the attempt was told to stop, also inside `shield`: call it where you can."""
        if self._stop_reason is not None:
            raise Cancelled(self._stop_reason)

    def progress(self, fraction: float, message: str = "") -> None:
        """Reports how far the work is; only the latest report is kept, and readers may miss it.

        Args:
            fraction: 0 to 1.
            message: a few words for people, cut at 4 KiB.

        Raises:
            ValueError: `fraction` is NaN or outside 0 to 1.
        """
        fraction = float(fraction)
        if math.isnan(fraction) or not 0.0 <= fraction <= 1.0:
            raise ValueError(f"fraction is between 0 and 1, and is {fraction!r}.")
        self._reporter.progress(fraction, _cut(message))

    def heartbeat(self, details: object = None) -> None:
        """Says that the attempt is alive; `details` is given to the next attempt as `last_heartbeat`.

        `details` is a value that can be a payload: JSON values, bytes or a Blob, a protobuf message.
        """
        self._reporter.heartbeat(details)

    def shield(self) -> AbstractContextManager[None]:
        """A `with` block that an outside cancellation must not cut: it is delivered when the block ends.

        May be nested; the outermost end counts. Keep it short: a timeout waits for it too. It does not
        silence `raise_if_cancelled`, which the handler calls where it can stop.
        """
        return _Shield(self)

    # Below: for executors, not for handlers.

    @property
    def shielded(self) -> bool:
        """Whether the handler is inside a `shield` block."""
        return self._shield_depth > 0

    def signal(self, reason: StopReason) -> None:
        """Tells the attempt to stop and wakes those that wait for it. The first reason stays.

        From any thread, any number of times; never blocks for long.
        """
        with _state_lock:
            if self._stop_reason is not None:
                return
            self._stop_reason = reason
            stopped = self._stopped
        if stopped is not None:
            stopped.set()

    def signal_shutdown(self) -> None:
        """Tells the handler that the server drains, from any thread. It does not stop the attempt."""
        self._shutting_down = True

    def when_unshielded(self, callback: Callable[[], object]) -> None:
        """Calls `callback` once no shield is open: now, or in the thread that leaves the outermost one.

        An executor delivers a cancellation through it: `when_unshielded(asyncio_task.cancel)`.
        """
        with _state_lock:
            if self._shield_depth > 0:
                self._unshielded += (callback,)
                return
        callback()

    def _stop_event(self) -> threading.Event:
        with _state_lock:
            if self._stopped is None:
                self._stopped = threading.Event()
                if self._stop_reason is not None:
                    self._stopped.set()
            return self._stopped

    def _enter_shield(self) -> None:
        with _state_lock:
            self._shield_depth += 1

    def _leave_shield(self) -> None:
        with _state_lock:
            self._shield_depth -= 1
            if self._shield_depth > 0:
                return
            callbacks, self._unshielded = self._unshielded, ()
        for callback in callbacks:
            callback()


def _names_of(info: TaskInfo) -> dict[str, object]:
    names: dict[str, object] = {"task_id": info.id, "attempt": info.attempt}
    if info.correlation_id:
        names["correlation_id"] = info.correlation_id
    if info.traceparent:
        # version-trace-parent-flags; the server takes nothing else.
        names["trace_id"] = info.traceparent.split("-")[1]
    return names


class _Shield:
    __slots__ = ("_context",)

    def __init__(self, context: TaskContext) -> None:
        self._context = context

    def __enter__(self) -> None:
        self._context._enter_shield()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context._leave_shield()


class _TaskLogger(logging.LoggerAdapter[logging.Logger]):
    """Adds the task's fields to those of the call; the standard adapter would replace the call's."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(kwargs.get("extra") or {}), **(self.extra or {})}
        return msg, kwargs


def _on_event_loop() -> bool:
    # No loop can run where asyncio was never imported, and the kit does not import it for this question.
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def _cut(message: str) -> str:
    data = message.encode("utf-8", "replace")
    return data[:_MAX_MESSAGE_BYTES].decode("utf-8", "ignore")
