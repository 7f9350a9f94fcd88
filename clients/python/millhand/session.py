"""A session over one bidirectional stream: the thread and the lock around `protocol.live_session`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from millhand.blocking import Blocking, blocking
from millhand.protocol import requests
from millhand.protocol.live_session import LiveSession
from millhand.protocol.records import Registered
from millhand.protocol.resume import SessionRecord
from millhand.protocol.session import Answer
from millhand.protocol.steps import Operation, Step, Tell, Until
from millhand.v1 import task_pb2

_T = TypeVar("_T")


class Session(Blocking[LiveSession]):
    """Registrations, cancels and results over one stream, which reconnects by itself. Thread-safe.

    Results come for what was subscribed to and are read with `results()`, each once. New credit goes out as
    they are read, so an unread session holds about a thousand results and no more. Leaving the `with` block
    finishes the session and waits until the server has delivered what it may; leaving it by an exception
    cancels it at once. The tasks live on either way.
    """

    def __init__(self, core: LiveSession, perform: Callable[[Step], Any]) -> None:
        super().__init__(core, self._perform_unlocked)
        self._perform_elsewhere = perform
        #: Held by whoever runs an operation, but for the time that a step takes.
        self._changed = threading.Condition(threading.Lock())
        # A daemon: a program that forgets to close must still be able to end.
        self._thread = threading.Thread(
            target=lambda: self._run(core.live()), name="millhand-session", daemon=True
        )
        self._thread.start()

    @property
    def id(self) -> str:
        """What the server labels this session's tasks with."""
        return self._core.id

    @property
    def cursor(self) -> str:
        """Everything up to here has been read, frame by frame; empty before the server has named a place."""
        return self._core.cursor

    register = blocking(LiveSession.register)
    register_many = blocking(LiveSession.register_many)
    cancel = blocking(LiveSession.cancel)
    subscribe = blocking(LiveSession.subscribe)
    unsubscribe = blocking(LiveSession.unsubscribe)
    close = blocking(LiveSession.close)

    def register_soon(
        self, specs: Iterable[task_pb2.TaskSpec], mode: requests.Mode = "atomic"
    ) -> Future[list[Registered]]:
        """Sends tasks without waiting for the answer, which the future gets.

        It waits only while MAX_PENDING requests have no answer.
        """
        future: Future[list[Registered]] = Future()
        self._run(self._core.register_soon(specs, mode, lambda answer: _settle(future, answer)))
        return future

    def results(self) -> Iterator[SessionRecord]:
        """The subscription's records as they come, each once; `Gap` and `Progress` are among them.

        Ends when the session has: after `finish`, once the server has delivered everything.

        Raises:
            MillhandError: If the session broke for good, after what had been received before.
        """
        while (record := self._run(self._core.next_record())) is not None:
            yield record

    def finish(self) -> None:
        """Says that nothing more will be sent; `results` then ends once this session's tasks are done."""
        with self._changed:
            self._core.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(drain=error is None)

    def _run(self, operation: Operation[_T]) -> _T:
        with self._changed:
            try:
                return super()._run(operation)
            finally:
                self._changed.notify_all()

    def _perform_unlocked(self, step: Step) -> Any:
        if isinstance(step, Until):
            return self._changed.wait_for(step.predicate, step.timeout_s)
        self._changed.notify_all()
        self._changed.release()
        try:
            if isinstance(step, Tell):
                # The caller's code: a future's callbacks.
                return step.function(step.value)
            return self._perform_elsewhere(step)
        finally:
            self._changed.acquire()


def _settle(future: Future[Any], answer: Answer) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if answer.error is not None:
        future.set_exception(answer.error)
    else:
        future.set_result(answer.value)
