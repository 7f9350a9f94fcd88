"""A session as it is lived: one operation keeps a stream open, the others ask, read and close beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Unpack

from millhand import errors
from millhand.protocol import requests, times
from millhand.protocol.filters import FilterOptions, task_filter
from millhand.protocol.full_queue import FullQueue, register_all
from millhand.protocol.reconnect import Reconnect
from millhand.protocol.records import CancelResult, Registered
from millhand.protocol.resume import SessionRecord
from millhand.protocol.session import Answer, SessionState
from millhand.protocol.specs import TaskOptions, task_spec, with_id
from millhand.protocol.steps import Operation, Read, Sleep, Stream, Tell, Terms, Until
from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb

#: Requests without an answer at which a session stops taking more, so that a dead server fills no memory.
MAX_PENDING = 64

_OnAnswer = Callable[[Answer], object]


class LiveSession:
    """One session's operations. Between two steps an operation must not be disturbed by another one.

    Attributes:
        over: No stream is open any more, and none will be.
    """

    def __init__(self, terms: Terms, session_id: str) -> None:
        self.over = False
        self._terms = terms
        self._state = SessionState(session_id, terms.name)
        self._reconnect = Reconnect(terms.patience_s)
        self._waiting: dict[str, _OnAnswer] = {}
        self._stream: Stream | None = None
        self._failure: errors.MillhandError | None = None
        self._closing = False
        self._cancelled = False

    @property
    def id(self) -> str:
        return self._state.session_id

    @property
    def cursor(self) -> str:
        return self._state.cursor

    def register(
        self,
        handler: str,
        payload: object = None,
        *,
        retry_when_full: times.Seconds | None = None,
        **options: Unpack[TaskOptions],
    ) -> Operation[task_pb2.Task]:
        """Registers one task and waits for the answer. For `retry_when_full` see the client's `register`.

        Raises:
            MillhandError: If the server refuses it, or DeadlineExceeded if no answer comes within the
                client's timeout; then the task may still be registered, and sending the same spec again is
                safe.
        """
        spec = task_spec(handler, payload, **options)
        [registered] = yield from self.register_many([spec], "per_item", retry_when_full=retry_when_full)
        if registered.task is None:
            raise registered.error or errors.InternalError("the answer has neither a task nor an error")
        return registered.task

    def register_many(
        self,
        specs: Iterable[task_pb2.TaskSpec],
        mode: requests.Mode = "atomic",
        *,
        retry_when_full: times.Seconds | None = None,
    ) -> Operation[list[Registered]]:
        """Registers tasks made by `task_spec` and waits; the answers are in order. See `register`."""

        def send(batch: list[task_pb2.TaskSpec]) -> Operation[list[Registered]]:
            return self._ask(requests.session_register(batch, mode))

        return (yield from register_all(send, specs, FullQueue(retry_when_full, self._terms.now)))

    def register_soon(
        self, specs: Iterable[task_pb2.TaskSpec], mode: requests.Mode, on_answer: _OnAnswer
    ) -> Operation[None]:
        """Sends tasks without waiting for the answer, which `on_answer` gets."""
        batch = [with_id(spec) for spec in specs]
        return self._send(requests.session_register(batch, mode), on_answer)

    def cancel(self, ids: Iterable[str], reason: str = "") -> Operation[list[CancelResult]]:
        """Asks for tasks to be cancelled; the answers are in order.

        Raises:
            InvalidArgument: `ids` is one string, whose letters are hardly meant.
        """
        if isinstance(ids, str):
            raise times.invalid("ids", f"is one string, {ids!r}: give a list")
        return self._ask(pb.SessionCancel(ids=ids, reason=reason))

    def subscribe(
        self,
        *,
        everyone: bool = False,
        after: str = "",
        include_progress: bool = False,
        full: bool = False,
        **filter_options: Unpack[FilterOptions],
    ) -> Operation[str]:
        """Starts the results; a second subscription replaces the first, whose unread results may be lost.

        Args:
            everyone: False gives the results of this session's own tasks, also of those registered before a
                reconnect; True those of every task. The filter applies to both.
            after: The cursor to go on from. Empty means all that is retained for own tasks or `ids`, else
                from now on.
            include_progress: Whether to give `Progress` records, too.
            full: Whether the results' tasks have their payload.

        Returns:
            The cursor that the results start behind.
        """
        request = pb.SessionSubscribe(
            after=after,
            include_progress=include_progress,
            view=requests.view(full),
            scope=pb.SUBSCRIBE_SCOPE_FILTER if everyone else pb.SUBSCRIBE_SCOPE_OWN,
        )
        if filter_options:
            request.filter.CopyFrom(task_filter(**filter_options))
        return self._ask(request)

    def unsubscribe(self) -> Operation[str]:
        """Stops the results and returns the cursor up to which they came; those unread can still be read."""
        return self._ask(pb.SessionUnsubscribe())

    def next_record(self) -> Operation[SessionRecord | None]:
        """The subscription's next record; None at the session's end.

        Raises:
            MillhandError: If the session broke for good, after what had been received before.
        """
        yield Until(lambda: self._state.has_unread or self.over)
        record = self._state.next_record()
        credit = self._state.credit_due()
        if credit is not None and self._stream is not None:
            self._stream.send(credit)
        if record is None and self._failure is not None:
            raise self._failure
        return record

    def finish(self) -> None:
        if not self._state.finished:
            self._state.finished = True
            if self._stream is not None:
                self._stream.finish()

    def close(self, *, drain: bool = True, timeout: times.Seconds | None = None) -> Operation[None]:
        """Ends the session.

        Args:
            drain: True finishes it and waits for what the server still delivers, up to the credit; what was
                not read can be read afterwards. False hangs up at once.
            timeout: How long to drain; None waits for this session's tasks, however long they run.
        """
        self.finish()
        self._closing = True
        if drain:
            yield Until(lambda: self.over, times.optional_s(timeout, "timeout"))
        self.cancel_stream()

    def cancel_stream(self) -> None:
        """Hangs up for good."""
        self._cancelled = True
        if self._stream is not None:
            self._stream.cancel()

    def live(self) -> Operation[None]:
        """Keeps a stream open until the session is over. Runs once, beside all others."""
        try:
            while not (self._state.done or self._cancelled):
                yield from self._live_one_stream()
                if self._state.starved and not (yield from self._await_reader()):
                    break
        except errors.MillhandError as error:
            self._failure = None if self._cancelled else error
        except Exception as error:
            self._failure = errors.MillhandError(f"the session failed: {error!r}")
            raise
        finally:
            yield from self._end()

    def _live_one_stream(self) -> Operation[None]:
        """Opens a stream and reads it to its end; sleeps before it returns if another one is to follow."""
        try:
            stream = self._open()
            while (response := (yield Read(stream))) is not None:
                self._reconnect.progressed()
                yield from self._receive(response)
            if not (self._state.done or self._state.starved):
                raise errors.Unavailable("the session's stream ended without a goodbye", reason="")
        except errors.MillhandError as error:
            self._hang_up()
            if self._cancelled:
                return
            delay_s = self._reconnect.delay_after(error, self._terms.now())
        else:
            self._hang_up()
            return
        yield Sleep(delay_s)

    def _open(self) -> Stream:
        stream = self._stream = self._terms.open("Session", None)
        for request in self._state.opening():
            stream.send(request)
        if self._state.finished:
            stream.finish()
        return stream

    def _receive(self, response: pb.SessionResponse) -> Operation[None]:
        answer = self._state.receive(response)
        on_answer = self._waiting.pop(answer.request_id, None) if answer is not None else None
        if on_answer is not None:
            yield Tell(on_answer, answer)

    def _await_reader(self) -> Operation[bool]:
        """Waits until what the credit bought has been read; False if nobody is to read any more."""
        yield Until(lambda: self._closing or not self._state.has_unread)
        return not self._closing

    def _ask(self, kind: Any) -> Operation[Any]:
        answers: list[Answer] = []
        yield from self._send(kind, answers.append)
        if not (yield Until(lambda: bool(answers), self._terms.timeout_s)):
            sentence = "the session got no answer in time; what was asked may still happen"
            raise errors.DeadlineExceeded(sentence, reason="")
        [answer] = answers
        if answer.error is not None:
            raise answer.error
        return answer.value

    def _send(self, kind: Any, on_answer: _OnAnswer) -> Operation[None]:
        if not (yield Until(self._has_room, self._terms.timeout_s)):
            raise errors.DeadlineExceeded(f"{MAX_PENDING} requests have no answer yet", reason="")
        if self.over:
            raise self._failure or errors.ClientClosed("the session is over")
        request = self._state.request(kind)
        self._waiting[request.request_id] = on_answer
        if self._stream is not None:
            self._stream.send(request)

    def _has_room(self) -> bool:
        return self.over or self._state.pending < MAX_PENDING

    def _hang_up(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()

    def _end(self) -> Operation[None]:
        self._hang_up()
        self.over = True
        unanswered, self._waiting = self._waiting, {}
        lost = self._failure or errors.ClientClosed("the session ended before this was answered")
        for request_id, on_answer in unanswered.items():
            yield Tell(on_answer, Answer(request_id, error=lost))
