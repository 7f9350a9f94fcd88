"""One attempt: decode the request, call the handler, and say as data how it ended."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from millhand.kit import Cancelled, Fatal, Handler, RetryAfter, StopReason, TaskContext, TaskInfo
from millhand.kit import Failed as HandlerFailed
from millhand_server.core.errors import InvalidPayload, PayloadTooLarge
from millhand_server.core.execution import (
    Failed,
    Finished,
    Grant,
    Heartbeat,
    Outcome,
    Progressed,
    Stopped,
    Succeeded,
)
from millhand_server.core.ports import Clock, PayloadCodec
from millhand_server.core.retry import LONGEST_DELAY_US
from millhand_server.engine.catalogue import CatalogueEntry
from millhand_server.engine.outbox import Outbox

#: The reason of a failure that the handler gave none for.
HANDLER_FAILED = "HANDLER_FAILED"

#: Progress of one attempt crosses to the loop at most this often.
_PROGRESS_INTERVAL_US = 100_000

#: A handler's words for the caller are cut here, as those of its progress are.
_MAX_MESSAGE_BYTES = 4096

#: The name of an exception's type is cut here.
_MAX_NAME = 256

#: The reasons that handlers may give, as the kit lets them through; any other one says nothing.
_REASON = re.compile(r"[A-Z](?:[A-Z0-9_]{0,61}[A-Z0-9])?")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MOMENT_US = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)

#: Orders signals and the making of contexts. One for all: it is held for a few instructions.
_signal_lock = threading.Lock()

logger = logging.getLogger(__name__)


class Run:
    """One attempt in the making: its context, its reports, and how it ended.

    Used by one worker; the signals may come from any thread, also before the handler's code begins. Making
    one cannot fail: what can is done in `call`, whose every failure is an outcome.
    """

    def __init__(
        self, entry: CatalogueEntry, grant: Grant, codec: PayloadCodec, clock: Clock, outbox: Outbox
    ) -> None:
        self.handler = entry.handler
        self.grant = grant
        self._decode = codec.decode if entry.request is None else entry.request.decode
        self._codec = codec
        self._clock = clock
        self._outbox = outbox
        # Made for handlers that take a context: only those can report.
        self._reporter: _Reporter | None = None
        self._context: TaskContext | None = None
        self._stop_reason: StopReason | None = None
        self._is_shutting_down = False

    def call(self) -> Outcome:
        """Runs a plain handler to its end. Whatever it raises becomes an outcome: a worker outlives it."""
        try:
            return self._succeeded(self.handler.call(self._request(), self._begin()))
        except BaseException as error:
            return self._failed(error)

    async def call_async(self) -> Outcome:
        """As `call`, for an async handler."""
        try:
            return self._succeeded(await self.handler.call(self._request(), self._begin()))
        except BaseException as error:
            return self._failed(error)

    def signal(self, reason: StopReason) -> bool:
        """Tells the handler to stop; False when it was told before, and the first reason stands."""
        with _signal_lock:
            if self._stop_reason is not None:
                return False
            self._stop_reason = reason
            context = self._context
        if context is not None:
            context.signal(reason)
        return True

    def signal_shutdown(self) -> None:
        """Lets the handler know that the server drains."""
        with _signal_lock:
            self._is_shutting_down = True
            context = self._context
        if context is not None:
            context.signal_shutdown()

    def when_unshielded(self, callback: Callable[[], object]) -> None:
        """Calls back once the handler's code is in no shield."""
        if self._context is None:
            callback()
        else:
            self._context.when_unshielded(callback)

    def finished(self, outcome: Outcome) -> list[Progressed | Finished]:
        """Returns the last frames of the attempt; what the handler's own threads report later is dropped."""
        end = Finished(self.grant.key, outcome, self._clock.now_us())
        if self._reporter is None or (progress := self._reporter.close()) is None:
            return [end]
        return [progress, end]

    def _begin(self) -> TaskContext | None:
        """Returns the context, with what was signalled before; None if the handler takes none."""
        if not self.handler.takes_context:
            return None
        self._reporter = _Reporter(self.grant, self._codec, self._clock, self._outbox)
        context = TaskContext(_info(self.handler, self.grant, self._codec), self._reporter)
        with _signal_lock:
            self._context = context
            reason, is_shutting_down = self._stop_reason, self._is_shutting_down
        if reason is not None:
            context.signal(reason)
        if is_shutting_down:
            context.signal_shutdown()
        return context

    def _request(self) -> object:
        try:
            return self._decode(self.grant.payload)
        except InvalidPayload as error:
            raise _Unfit(f"the payload cannot be read: {error.message}") from None

    def _succeeded(self, result: object) -> Outcome:
        return Succeeded(_encode(self._codec, result, "the result"))

    def _failed(self, error: BaseException) -> Outcome:
        try:
            return self._outcome_of(error)
        except BaseException as worse:
            # An exception whose own attributes or class raise: nothing of it can be asked.
            logger.warning("an exception of handler %s cannot be examined", self.grant.handler)
            logger.debug("what examining it raised", exc_info=worse)
            return Failed(HANDLER_FAILED, "an exception that cannot be examined")

    def _outcome_of(self, error: BaseException) -> Outcome:
        if self._stop_reason is not None and _is_stop(error):
            return Stopped()
        # Patterns and not attributes: a subclass may have forgotten its parent's __init__, and a worker
        # must outlive that too.
        match error:
            case _Unfit():
                return Failed(HANDLER_FAILED, _text(error.message), fatal=True)
            case RetryAfter(delay=timedelta() as delay, message=message):
                delay_us = min(delay // timedelta(microseconds=1), LONGEST_DELAY_US)
                return Failed(HANDLER_FAILED, _text(message), retry_after_us=delay_us)
            case HandlerFailed(reason=str(reason), message=message) if _REASON.fullmatch(reason):
                # A plain str of it: a subclass may do anything.
                reason = str.encode(reason).decode()
                return Failed(reason, _text(message), from_handler=True, fatal=isinstance(error, Fatal))
        _log_unexpected(self.grant, error)
        return Failed(HANDLER_FAILED, _name_of(error), fatal=isinstance(error, Fatal))


class _Unfit(Exception):
    """A value that no payload can hold, or bytes that are none; trying again would meet the same."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def _encode(codec: PayloadCodec, value: object, what: str) -> bytes:
    try:
        return codec.encode(value)
    except (InvalidPayload, PayloadTooLarge) as error:
        raise _Unfit(f"{what} cannot be encoded: {error.message}") from None


def _text(message: object) -> str:
    """Returns a handler's text as one that any wire can carry."""
    # The method of str itself: a subclass may have one of its own.
    data = str.encode(message, "utf-8", "replace") if isinstance(message, str) else b""
    return data[:_MAX_MESSAGE_BYTES].decode("utf-8", "ignore")


def _name_of(error: BaseException) -> str:
    return _text(type(error).__name__)[:_MAX_NAME]


def _is_stop(error: BaseException) -> bool:
    return isinstance(error, Cancelled | asyncio.CancelledError)


def _info(handler: Handler, grant: Grant, codec: PayloadCodec) -> TaskInfo:
    deadline_us = grant.deadline_us
    if deadline_us is not None and deadline_us > _LAST_MOMENT_US:
        # Past what a datetime can say, which is as good as none.
        deadline_us = None
    return TaskInfo(
        id=grant.key.task_id,
        attempt=grant.key.attempt,
        handler=handler.name,
        labels=grant.labels,
        correlation_id=grant.correlation_id,
        traceparent=grant.traceparent,
        deadline=None if deadline_us is None else _EPOCH + timedelta(microseconds=deadline_us),
        last_heartbeat=_last_heartbeat(grant, codec),
    )


def _last_heartbeat(grant: Grant, codec: PayloadCodec) -> object:
    if not grant.last_heartbeat:
        return None
    try:
        return codec.decode(grant.last_heartbeat)
    except InvalidPayload as error:
        # Written by another server that knew more message types; the attempt can do without it.
        logger.warning("task %s: its last heartbeat cannot be read: %s", grant.key.task_id, error.message)
        return None


def _log_unexpected(grant: Grant, error: BaseException) -> None:
    # The text of an exception may quote the payload, so only its type and where it happened are logged;
    # who sets this logger to DEBUG asks for the text too.
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.warning(
        "handler %s raised %s in attempt %d of task %s\n%s",
        grant.handler,
        _name_of(error),
        grant.key.attempt,
        grant.key.task_id,
        frames,
        extra=_names_of(grant),
    )
    logger.debug("the text of that exception", exc_info=error, extra=_names_of(grant))


def _names_of(grant: Grant) -> dict[str, object]:
    return {"task_id": grant.key.task_id, "attempt": grant.key.attempt, "handler": grant.handler}


class _Reporter:
    """Sends what a handler reports, progress at a bounded rate. Any thread of the handler may call it."""

    def __init__(self, grant: Grant, codec: PayloadCodec, clock: Clock, outbox: Outbox) -> None:
        self._key = grant.key
        self._codec = codec
        self._clock = clock
        self._outbox = outbox
        self._sent_us: int | None = None
        self._unsent: Progressed | None = None
        self._closed = False

    def progress(self, fraction: float, message: str) -> None:
        if self._closed:
            return
        frame = Progressed(self._key, fraction, message, self._clock.now_us())
        now_us = self._clock.monotonic_us()
        if self._sent_us is not None and now_us - self._sent_us < _PROGRESS_INTERVAL_US:
            self._hold_back(frame)
            return
        self._sent_us = now_us
        self._unsent = None
        self._outbox.put(frame)

    def heartbeat(self, details: object) -> None:
        encoded = _encode(self._codec, details, "a heartbeat")
        if not self._closed:
            self._outbox.put(Heartbeat(self._key, encoded, self._clock.now_us()))

    def close(self) -> Progressed | None:
        """Returns the progress that was held back, if any, and takes no more reports."""
        self._closed = True
        return self._take_unsent()

    def _hold_back(self, frame: Progressed) -> None:
        # A handler that reports twice and then works for long must not show the first report meanwhile.
        is_first, self._unsent = self._unsent is None, frame
        if is_first:
            self._outbox.run_on_loop(lambda: self._clock.call_later(_PROGRESS_INTERVAL_US, self._send_unsent))

    def _send_unsent(self) -> None:
        if not self._closed and (unsent := self._take_unsent()) is not None:
            self._sent_us = self._clock.monotonic_us()
            self._outbox.put(unsent)

    def _take_unsent(self) -> Progressed | None:
        unsent, self._unsent = self._unsent, None
        return unsent
