"""The Session protocol: requests in order on one side, results against credit on the other.

Two tasks run side by side: one reads and answers requests, one delivers (`session_delivery`). Both write,
and take turns: a request is handled and answered in one turn, so that no result can overtake the answer
that registers its task. Nothing is queued on the way out; who has to wait, waits in its write.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

import msgspec

from millhand.v1 import task_service_pb2 as pb
from millhand_server.core.cursor import OLDEST
from millhand_server.core.errors import Closing, InvalidArgument, MillhandError
from millhand_server.core.ports import Inserted
from millhand_server.core.task import TaskSpec
from millhand_server.engine.answers import Cancellation, EndReason
from millhand_server.engine.manager import Caller, TaskManager
from millhand_server.engine.reading import ReadRequest
from millhand_server.rpc import convert, validation
from millhand_server.rpc.aside import aside
from millhand_server.rpc.context import TRACEPARENT_KEY, CallContext, Requests
from millhand_server.rpc.convert_task import TaskWriter
from millhand_server.rpc.registering import write_results
from millhand_server.rpc.session_delivery import Credit, Delivery, Parts
from millhand_server.rpc.status import status_of
from millhand_server.rpc.validation_text import is_short

#: Tasks first registered elsewhere whose results a session may wait for.
MAX_ADOPTED = 10_000

_MAX_CREDIT = 2**31 - 1

#: A task as it was sent, or what is wrong with it.
_Read = TaskSpec | MillhandError

#: An error with its details, of which a request with many ids may need many.
_REFUSAL_BYTES = 500


class Session:
    """One stream, from its first frame to its goodbye. `run` it once."""

    def __init__(self, manager: TaskManager, writer: TaskWriter, context: CallContext) -> None:
        self._parts = Parts(manager, writer, context, asyncio.Lock(), Credit(), adopted=set())
        self._session_id = uuid.uuid4().hex
        self._traceparent = context.metadata(TRACEPARENT_KEY)
        self._is_first = True
        self._delivery: Delivery | None = None
        self._delivering: asyncio.Task[None] | None = None
        self._cursor = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._end: asyncio.Future[EndReason] = asyncio.get_running_loop().create_future()

    async def run(self, requests: Requests) -> None:
        """Serves the stream until it ends, for whatever reason.

        Raises:
            Closing: the server is shutting down.
            MillhandError: bytes that do not parse, or a store that cannot be read: the stream ends with it.
        """
        if self._parts.manager.closing.is_set():
            raise Closing
        self._spawn(self._serve(requests))
        self._spawn(self._until_closing())
        try:
            reason = await self._end
            async with self._parts.turn:
                await self._parts.context.write(self._goodbye(reason))
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            if self._delivery is not None:
                self._delivery.close()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, requests: Requests) -> None:
        async for request in requests:
            async with self._parts.turn:
                if self._end.done():
                    return
                await self._answer(request)
        await self._half_close()

    async def _half_close(self) -> None:
        """Everything that was asked is answered; delivers what is still to come, then ends."""
        delivery = self._delivery
        if delivery is None:
            self._finish(EndReason.CAUGHT_UP)
            return
        delivery.half_close()
        if delivery.is_own:
            await self._parts.manager.wait(delivery.whole_session)
            delivery.finish(EndReason.COMPLETED)
        else:
            delivery.finish(EndReason.CAUGHT_UP)

    async def _until_closing(self) -> None:
        await self._parts.manager.closing.wait()
        # A subscription goes on: what runs may still finish, and its reader tells when nothing more comes.
        if self._delivery is None:
            self._finish(EndReason.SHUTDOWN)

    async def _answer(self, request: pb.SessionRequest) -> None:
        response = pb.SessionResponse()
        if is_short(request.request_id):
            response.request_id = request.request_id
        adopted: Sequence[str] = ()
        try:
            look = partial(validation.read, request, self._parts.manager.limits)
            tasks = await aside(self._parts.context.last_received_bytes, look)
            adopted = await self._handle(request, response, tasks)
        except MillhandError as error:
            response.error.status.CopyFrom(status_of(error))
        self._is_first = False
        await self._parts.context.write(response)
        self._parts.adopted.update(adopted)
        if adopted and self._delivery is not None and self._delivery.is_own:
            self._delivery.take_over(adopted)

    async def _handle(
        self, request: pb.SessionRequest, response: pb.SessionResponse, tasks: Sequence[_Read]
    ) -> Sequence[str]:
        """Does what is asked and fills in the answer; returns the ids that are adopted with it.

        `tasks` are those that the request registers.
        """
        match request.WhichOneof("kind"):
            case "hello":
                self._hello(request.hello, response)
            case "register":
                return await self._register(request.register, tasks, response)
            case "cancel":
                await self._cancel(request.cancel, response)
            case "subscribe":
                await self._subscribe(request.subscribe, response)
            case "unsubscribe":
                self._stop_delivery()
                response.unsubscribed.cursor = self._cursor
            case "credit":
                self._add_credit(request.credit, response)
            case _:
                response.pong.SetInParent()
        return ()

    def _hello(self, message: pb.SessionHello, response: pb.SessionResponse) -> None:
        if not self._is_first:
            raise InvalidArgument("hello comes before all other requests, or not at all", field="hello")
        self._session_id = message.session_id or self._session_id
        response.welcome.limits.CopyFrom(convert.limits(self._parts.manager.limits))
        response.welcome.session_id = self._session_id
        response.welcome.credit = self._parts.credit.open

    async def _register(
        self, message: pb.SessionRegister, tasks: Sequence[_Read], response: pb.SessionResponse
    ) -> Sequence[str]:
        if len(self._parts.adopted) >= MAX_ADOPTED:
            raise InvalidArgument(
                f"{MAX_ADOPTED} tasks that were first registered elsewhere wait for their results here; "
                "take results first",
                field="register",
            )
        atomic = message.mode != pb.REGISTER_MODE_PER_ITEM
        answers = await self._parts.manager.register_tasks(tasks, atomic=atomic, caller=self._caller)
        size = self._parts.context.last_received_bytes
        await write_results(response.registered, answers, self._parts.writer, size=size)
        return [
            answer.task.id
            for answer in answers
            if isinstance(answer, Inserted) and answer.task.session_id != self._session_id
        ]

    async def _cancel(self, message: pb.SessionCancel, response: pb.SessionResponse) -> None:
        manager = self._parts.manager
        answers = await manager.cancel_tasks(message.ids, message.reason, caller=self._caller)
        write = partial(_write_cancelled, response.cancelled, message.ids, answers)
        await aside(len(answers) * _REFUSAL_BYTES, write)

    async def _subscribe(self, message: pb.SessionSubscribe, response: pb.SessionResponse) -> None:
        request = self._read_request(message)
        # Opened before the old one ends: if this is refused, that goes on.
        reader = await self._parts.manager.open_reader(request)
        self._stop_delivery()
        delivery = Delivery(self._parts, request, reader, full=convert.is_full(message.view))
        self._delivery = delivery
        self._delivering = self._spawn(self._deliver(delivery))
        response.subscribed.cursor = str(delivery.cursor)

    def _read_request(self, message: pb.SessionSubscribe) -> ReadRequest:
        wanted, after = convert.task_filter(message.filter), message.after
        if message.scope != pb.SUBSCRIBE_SCOPE_FILTER:
            # With nobody else's results in it, "from now on" would only lose some: empty is all there is.
            after = after or OLDEST
            wanted = msgspec.structs.replace(
                wanted,
                session_id=self._session_id,
                principal=self._parts.context.principal,
                adopted=frozenset(self._parts.adopted),
            )
        return ReadRequest(wanted, after, follow=True, include_progress=message.include_progress)

    def _add_credit(self, message: pb.SessionCredit, response: pb.SessionResponse) -> None:
        credit = self._parts.credit
        if credit.open + message.results > _MAX_CREDIT:
            raise InvalidArgument(f"the credit would be more than {_MAX_CREDIT}", field="credit.results")
        credit.open += message.results
        response.credited.results = credit.open
        if self._delivery is not None:
            self._delivery.wake()

    async def _deliver(self, delivery: Delivery) -> None:
        self._finish(await delivery.run())

    def _stop_delivery(self) -> None:
        """Ends the subscription. Its task writes nothing more: for that it would need the turn."""
        if self._delivery is not None and self._delivering is not None:
            self._delivering.cancel()
            self._delivery.close()
            self._cursor = str(self._delivery.cursor)
            self._delivery = None

    def _goodbye(self, reason: EndReason) -> pb.SessionResponse:
        cursor = self._cursor if self._delivery is None else str(self._delivery.cursor)
        goodbye = pb.SessionGoodbye(reason=reason.value, cursor=cursor)  # type: ignore[arg-type]
        return pb.SessionResponse(goodbye=goodbye)

    @property
    def _caller(self) -> Caller:
        principal = self._parts.context.principal
        return Caller(principal=principal, session_id=self._session_id, traceparent=self._traceparent)

    def _finish(self, reason: EndReason) -> None:
        if not self._end.done():
            self._end.set_result(reason)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self._end.done():
            self._end.set_exception(error)


def _write_cancelled(
    message: pb.SessionCancelled, ids: Sequence[str], answers: Sequence[Cancellation | MillhandError]
) -> None:
    message.SetInParent()
    for task_id, answer in zip(ids, answers, strict=True):
        result = message.results.add(id=task_id)
        if isinstance(answer, Cancellation):
            result.outcome = answer.outcome.value  # type: ignore[assignment]
        else:
            result.error.CopyFrom(status_of(answer))
