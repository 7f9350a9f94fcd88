"""One handler alone: real context, executor and codec, and a test in place of the rest of the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, Unpack

from millhand.kit import Handler, Handlers, handler_of
from millhand_server.core.execution import Grant, Isolation
from millhand_server.core.ports import Executor
from millhand_server.core.task import AttemptKey
from millhand_server.engine.catalogue import Catalogue
from millhand_server.engine.clock import SystemClock
from millhand_server.engine.executors.aio import AsyncExecutor
from millhand_server.engine.executors.thread import ThreadExecutor
from millhand_server.engine.options import Limits, ManagerOptions
from millhand_server.rpc.codec import ProtoCodec
from millhand_server.testing.attempt import Ended, RunningAttempt
from millhand_server.testing.executor import PATIENCE_S
from millhand_server.testing.payloads import encoded
from millhand_server.testing.refusals import as_callers_see

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AttemptFacts(TypedDict, total=False):
    """What a handler can see of its attempt."""

    task_id: str
    #: 1 (which it is unless said) for the first one.
    attempt: int
    labels: Mapping[str, str]
    correlation_id: str
    traceparent: str
    #: With a time zone. The handler sees it; that it has passed is the test's to say: `pass_deadline`.
    deadline: datetime
    #: What an earlier attempt gave to `heartbeat`.
    last_heartbeat: object


class HandlerTest:
    """Runs attempts of one handler, without a server, a queue or a network.

    The code runs as in a server: a plain function on a thread, `async def` on an event loop of its own, and
    what it raises, returns or is told becomes the outcome that a server would see. What becomes of the task
    then (a retry, say) is a manager's to decide; see `manager`.

    Works in plain and in async tests; any number of attempts, also at once.
    """

    def __init__(self, handler: Callable[..., Any] | Handler, *, limits: Limits | None = None) -> None:
        """Takes a decorated function, or what `handler_of` makes of one.

        Args:
            handler: what to run.
            limits: the server's bounds on payloads; None takes the defaults.

        Raises:
            TypeError: the function is not decorated.
            UnsupportedHandler: no server could run it.
        """
        self._handler = handler if isinstance(handler, Handler) else handler_of(handler)
        options = ManagerOptions(limits=limits or Limits())
        self._codec = ProtoCodec(
            max_bytes=options.limits.max_payload_bytes, max_depth=options.limits.max_json_depth
        )
        collection = Handlers(self._handler.function)
        self._catalogue = Catalogue(collection, options, self._codec)

    def start(self, request: object = None, **facts: Unpack[AttemptFacts]) -> RunningAttempt:
        """Starts an attempt and returns at once; the test then drives what the handler is told.

        Args:
            request: what a caller would send: JSON values, dataclasses, models, bytes, a `Blob`, a protobuf
                message.
            facts: what the handler sees beside it.

        Raises:
            millhand.InvalidPayload: no caller could send the request, or a server would refuse it because it
                does not fit what the handler declares; or the last heartbeat is none that a handler could
                have sent.
        """
        with as_callers_see():
            grant = self._grant(request, facts)
            if (declared := self._catalogue[self._handler.name].request) is not None:
                declared.decode(grant.payload)
        return RunningAttempt(self._executor(), grant, self._codec)

    def run(
        self, request: object = None, *, timeout_s: float = PATIENCE_S, **facts: Unpack[AttemptFacts]
    ) -> Ended:
        """Runs an attempt to its end, undisturbed, and says how it ended. Blocks the calling thread.

        Raises:
            AssertionError: it did not end within `timeout_s` real seconds.
            millhand.InvalidPayload: as `start`.
        """
        return self.start(request, **facts).wait(timeout_s)

    def _executor(self) -> Executor:
        if self._catalogue[self._handler.name].isolation is Isolation.ASYNC:
            return AsyncExecutor(self._catalogue, self._codec, _EveryReport())
        return ThreadExecutor(self._catalogue, self._codec, _EveryReport())

    def _grant(self, request: object, facts: AttemptFacts) -> Grant:
        deadline = facts.get("deadline")
        return Grant(
            key=AttemptKey(facts.get("task_id", "task-1"), facts.get("attempt", 1), 1),
            handler=self._handler.name,
            payload=encoded(request),
            labels=dict(facts.get("labels", {})),
            correlation_id=facts.get("correlation_id", ""),
            traceparent=facts.get("traceparent", ""),
            deadline_us=None if deadline is None else (deadline - _EPOCH) // timedelta(microseconds=1),
            last_heartbeat=self._codec.encode(facts.get("last_heartbeat")),
        )


class _EveryReport(SystemClock):
    """Lets a second pass whenever somebody measures a duration.

    Executors hold progress back that comes too often, and a test wants to see all of it.
    """

    def __init__(self) -> None:
        self._leaps = 0

    def monotonic_us(self) -> int:
        self._leaps += 1
        return super().monotonic_us() + self._leaps * 1_000_000
