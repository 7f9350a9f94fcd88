"""A session over one bidirectional stream: the threads and queues around `protocol.session`."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from millhand import errors
from millhand.channel import Stream
from millhand.protocol import requests, times
from millhand.protocol.filters import FilterOptions, task_filter
from millhand.protocol.reconnect import Clock, Reconnect
from millhand.protocol.records import CancelResult, Registered
from millhand.protocol.resume import Record
from millhand.protocol.session import Answer, SessionState
from millhand.protocol.specs import TaskOptions, task_spec, with_id
from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb

_T = TypeVar("_T")
_Outbox = queue.SimpleQueue[pb.SessionRequest | None]

#: Requests without an answer at which a session stops taking more, so that a dead server fills no memory.
MAX_PENDING = 64


class Session:
    """Registrations, cancels and results over one stream, which reconnects by itself. Thread-safe.

    Results come for what was subscribed to and are read with `results()`, each once. New credit goes out as
    they are read, so an unread session holds about a thousand results and no more. Leaving the `with` block
    finishes the session and waits until the server has delivered what it may; leaving it by an exception
    cancels it at once. The tasks live on either way.
    """

    def __init__(
        self,
        connect: Callable[[Iterator[pb.SessionRequest]], Stream[pb.SessionResponse]],
        state: SessionState,
        reconnect: Reconnect,
        clock: Clock,
        timeout_s: float | None,
    ) -> None:
        self._connect = connect
        self._state = state
        self._reconnect = reconnect
        self._clock = clock
        self._timeout_s = timeout_s
        self._changed = threading.Condition()
        self._futures: dict[str, Future[Any]] = {}
        self._outbox: _Outbox | None = None
        self._stream: Stream[pb.SessionResponse] | None = None
        self._failure: errors.MillhandError | None = None
        self._closing = False
        self._cancelled = False
        self._over = False
        # A daemon: a program that forgets to close must still be able to end.
        self._thread = threading.Thread(target=self._run, name="millhand-session", daemon=True)
        self._thread.start()

    @property
    def id(self) -> str:
        """What the server labels this session's tasks with."""
        return self._state.session_id

    @property
    def cursor(self) -> str:
        """Everything up to here has been read, frame by frame; empty before the server has named a place."""
        return self._state.cursor

    def register(self, handler: str, payload: object = None, **options: Unpack[TaskOptions]) -> task_pb2.Task:
        """Registers one task and waits for the answer.

        Raises:
            MillhandError: If the server refuses it, or DeadlineExceeded if no answer comes within the
                client's timeout; then the task may still be registered, and sending the same spec again is
                safe.
        """
        spec = task_spec(handler, payload, **options)
        [registered] = self.register_many([spec], mode="per_item")
        if registered.task is None:
            raise registered.error or errors.InternalError("the answer has neither a task nor an error")
        return registered.task

    def register_many(
        self, specs: Iterable[task_pb2.TaskSpec], mode: requests.Mode = "atomic"
    ) -> list[Registered]:
        """Registers tasks made by `task_spec` and waits; the answers are in order. See `register`."""
        return self._answer(self.register_soon(specs, mode))

    def register_soon(
        self, specs: Iterable[task_pb2.TaskSpec], mode: requests.Mode = "atomic"
    ) -> Future[list[Registered]]:
        """Sends tasks without waiting for the answer, which the future gets.

        It waits only while MAX_PENDING requests have no answer.
        """
        request = pb.SessionRegister(tasks=[with_id(s) for s in specs], mode=requests.register_mode(mode))
        return self._send(request)

    def cancel(self, ids: Iterable[str], reason: str = "") -> list[CancelResult]:
        """Asks for tasks to be cancelled; the answers are in order."""
        return self._answer(self._send(pb.SessionCancel(ids=ids, reason=reason)))

    def subscribe(
        self,
        *,
        everyone: bool = False,
        after: str = "",
        include_progress: bool = False,
        full: bool = False,
        **filter_options: Unpack[FilterOptions],
    ) -> str:
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
        cursor: str = self._answer(self._send(request))
        return cursor

    def unsubscribe(self) -> str:
        """Stops the results and returns the cursor up to which they came; those unread can still be read."""
        cursor: str = self._answer(self._send(pb.SessionUnsubscribe()))
        return cursor

    def results(self) -> Iterator[Record]:
        """The subscription's records as they come, each once; `Gap` and `Progress` are among them.

        Ends when the session has: after `finish`, once the server has delivered everything.

        Raises:
            MillhandError: If the session broke for good, after what had been received before.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._state.has_unread or self._over)
                record = self._state.next_record()
                self._changed.notify_all()
                credit = self._state.credit_due()
                if credit is not None and self._outbox is not None:
                    self._outbox.put(credit)
                if record is None and self._over:
                    break
            if record is not None:
                yield record
        if self._failure is not None:
            raise self._failure

    def finish(self) -> None:
        """Says that nothing more will be sent; `results` then ends once this session's tasks are done."""
        with self._changed:
            if not self._state.finished:
                self._state.finished = True
                if self._outbox is not None:
                    self._outbox.put(None)

    def close(self, *, drain: bool = True, timeout: times.Seconds | None = None) -> None:
        """Ends the session.

        Args:
            drain: True finishes it and waits for what the server still delivers, up to the credit; what was
                not read can be read afterwards. False hangs up at once.
            timeout: How long to drain; None waits for this session's tasks, however long they run.
        """
        self.finish()
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            if drain:
                seconds = None if timeout is None else times.seconds_of(timeout, "timeout")
                self._changed.wait_for(lambda: self._over, seconds)
            self._cancelled = True
            stream = self._stream
        if stream is not None:
            stream.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(drain=error is None)

    def _send(self, kind: Any) -> Future[Any]:
        with self._changed:
            if not self._changed.wait_for(self._has_room, self._timeout_s):
                raise errors.DeadlineExceeded(f"{MAX_PENDING} requests have no answer yet", reason="")
            if self._over:
                raise self._failure or errors.ClientClosed("the session is over")
            request = self._state.request(kind)
            future = self._futures[request.request_id] = Future()
            if self._outbox is not None:
                self._outbox.put(request)
        return future

    def _has_room(self) -> bool:
        return self._over or self._state.pending < MAX_PENDING

    def _answer(self, future: Future[_T]) -> _T:
        try:
            return future.result(self._timeout_s)
        except TimeoutError:
            raise errors.DeadlineExceeded(
                "the session got no answer in time; what was asked may still happen",
                reason="",
            ) from None

    def _run(self) -> None:
        try:
            while not (self._state.done or self._cancelled):
                self._live_one_stream()
                if self._state.starved and not self._await_reader():
                    break
        except errors.MillhandError as error:
            self._failure = None if self._cancelled else error
        except Exception as error:
            self._failure = errors.MillhandError(f"the session's thread failed: {error!r}")
            raise
        finally:
            self._end()

    def _live_one_stream(self) -> None:
        """Opens a stream and reads it to its end; sleeps before it returns if another one is to follow."""
        try:
            for response in self._open():
                self._reconnect.progressed()
                self._receive(response)
            if not (self._state.done or self._state.starved):
                raise errors.Unavailable("the session's stream ended without a goodbye", reason="")
        except errors.MillhandError as error:
            self._hang_up()
            if not self._cancelled:
                self._clock.sleep_for(self._reconnect.delay_after(error, self._clock.time()))
        else:
            self._hang_up()

    def _open(self) -> Stream[pb.SessionResponse]:
        outbox: _Outbox = queue.SimpleQueue()
        with self._changed:
            for request in self._state.opening():
                outbox.put(request)
            if self._state.finished:
                outbox.put(None)
            self._outbox = outbox
        stream = self._connect(iter(outbox.get, None))
        with self._changed:
            self._stream = stream
            if self._cancelled:
                stream.cancel()
        return stream

    def _receive(self, response: pb.SessionResponse) -> None:
        with self._changed:
            answer = self._state.receive(response)
            future = self._futures.pop(answer.request_id, None) if answer is not None else None
            self._changed.notify_all()
        # Outside the lock: a future's callbacks are the caller's code.
        if answer is not None and future is not None:
            _settle(future, answer)

    def _await_reader(self) -> bool:
        """Waits until what the credit bought has been read; False if nobody is to read any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or not self._state.has_unread)
            return not self._closing

    def _hang_up(self) -> None:
        with self._changed:
            stream, self._stream = self._stream, None
            outbox, self._outbox = self._outbox, None
        if stream is not None:
            stream.cancel()
        if outbox is not None:
            # gRPC's sending thread waits on it and would otherwise live for ever.
            outbox.put(None)

    def _end(self) -> None:
        self._hang_up()
        with self._changed:
            self._over = True
            unanswered, self._futures = self._futures, {}
            self._changed.notify_all()
        lost = self._failure or errors.ClientClosed("the session ended before this was answered")
        for request_id, future in unanswered.items():
            _settle(future, Answer(request_id, error=lost))


def _settle(future: Future[Any], answer: Answer) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if answer.error is not None:
        future.set_exception(answer.error)
    else:
        future.set_result(answer.value)
