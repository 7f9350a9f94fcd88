"""The state of one session across connections: what is unanswered, what is unread, how it opens again."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass
from typing import Any

from millhand import errors
from millhand.protocol import records
from millhand.protocol.resume import SessionRecord
from millhand.protocol.status import error_from_status
from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb

#: The credit in results that a stream starts with, where no `welcome` says otherwise.
START_CREDIT = 1000
#: How many tasks one request may register.
_MAX_BATCH = 1000


@dataclass(frozen=True)
class Answer:
    """What a request came to: a value, or an error."""

    request_id: str
    value: Any = None
    error: errors.MillhandError | None = None


@dataclass
class _Unread:
    record: SessionRecord
    #: Where the reader stands once it has taken this record; empty in the midst of a frame.
    cursor: str


class SessionState:
    """One session, whatever number of streams it takes. Not thread-safe.

    A broken stream is opened anew under the same session id. Requests without an answer are sent again, which
    their ids make harmless, and results start from the last one that was read: those that were not are
    dropped here and given again, so a reader that is slow across many reconnects still holds one credit's
    worth.

    Attributes:
        cursor: Everything up to here has been read; empty until the server has named a place. It moves frame
            by frame, for a frame may hold results that are older than those before it.
        done: The server said that nothing more comes.
        starved: The server stopped for want of credit; a new stream brings more.
        finished: No more requests are to be sent.
    """

    def __init__(self, session_id: str, client_name: str = "") -> None:
        self.session_id = session_id
        self.cursor = ""
        self.done = False
        self.starved = False
        self.finished = False
        self._client_name = client_name
        self._numbers = itertools.count(1)
        self._pending: dict[str, pb.SessionRequest] = {}
        self._subscription: pb.SessionSubscribe | None = None
        self._unread: deque[_Unread] = deque()
        self._unread_progress: dict[str, _Unread] = {}
        #: Tasks whose results were read behind `cursor`, and would come again after a reconnect.
        self._read_behind_cursor: set[str] = set()
        #: Tasks that others had registered first: ours on a stream only after it has registered them, too.
        self._adopted: dict[str, task_pb2.TaskSpec] = {}
        self._credit = START_CREDIT
        self._read_since_grant = 0

    @property
    def has_unread(self) -> bool:
        return bool(self._unread)

    @property
    def pending(self) -> int:
        """How many requests have no answer yet."""
        return len(self._pending)

    def request(
        self, kind: pb.SessionRegister | pb.SessionCancel | pb.SessionSubscribe | pb.SessionUnsubscribe
    ) -> pb.SessionRequest:
        """A request to send now, and again until it is answered.

        Raises:
            ClientClosed: If the session is finished.
        """
        if self.finished or self.done:
            raise errors.ClientClosed("the session is finished: it sends nothing more")
        request = pb.SessionRequest(request_id=f"{next(self._numbers)}")
        match kind:
            case pb.SessionRegister():
                request.register.CopyFrom(kind)
            case pb.SessionCancel():
                request.cancel.CopyFrom(kind)
            case pb.SessionSubscribe():
                request.subscribe.CopyFrom(kind)
            case pb.SessionUnsubscribe():
                request.unsubscribe.CopyFrom(kind)
        self._pending[request.request_id] = request
        return request

    def opening(self) -> list[pb.SessionRequest]:
        """What a new stream starts with: who we are, the subscription as far as read, what is unanswered."""
        self._unread.clear()
        self._unread_progress.clear()
        self._credit = START_CREDIT
        self._read_since_grant = 0
        self.starved = False
        hello = pb.SessionHello(client_name=self._client_name, session_id=self.session_id)
        frames = [pb.SessionRequest(request_id="hello", hello=hello)]
        if self._subscription is not None:
            again = pb.SessionSubscribe()
            again.CopyFrom(self._subscription)
            again.after = self.cursor or again.after
            frames.append(pb.SessionRequest(request_id="resume", subscribe=again))
        return frames + self._adoptions() + list(self._pending.values())

    def receive(self, response: pb.SessionResponse) -> Answer | None:
        """Takes one response in; returns the answer to a request, if it is one.

        Raises:
            Closing: The server shuts down, and another connection may go on.
            MillhandError: For an error that answers no request: the session cannot go on.
        """
        match response.WhichOneof("kind"):
            case "welcome":
                self._credit = response.welcome.credit or START_CREDIT
            case "results":
                self._take_results(response.results)
            case "progress":
                self._keep_latest(records.progress_of(response.progress))
            case "gap":
                gap = records.Gap(response.gap, response.gap.to_cursor)
                self._unread.append(_Unread(gap, gap.cursor))
            case "goodbye":
                self._end(response.goodbye)
            case "error":
                return self._refused(response.request_id, response.error)
            case "registered" | "cancelled" | "subscribed" | "unsubscribed":
                return self._answered(response)
        return None

    def next_record(self) -> SessionRecord | None:
        """The oldest unread record, which counts as read from now on; None if there is none."""
        if not self._unread:
            return None
        item = self._unread.popleft()
        if isinstance(item.record, records.Progress):
            del self._unread_progress[item.record.task_id]
        elif isinstance(item.record, records.Result):
            self._read_since_grant += 1
            self._read_behind_cursor.add(item.record.task.id)
            self._adopted.pop(item.record.task.id, None)
        self._advance(item.cursor)
        return item.record

    def credit_due(self) -> pb.SessionRequest | None:
        """New credit for what was read, once that is half of what the server granted itself at the start."""
        if self.finished or self._read_since_grant * 2 < self._credit:
            return None
        credit = pb.SessionCredit(results=self._read_since_grant)
        self._read_since_grant = 0
        return pb.SessionRequest(credit=credit)

    def _adoptions(self) -> list[pb.SessionRequest]:
        specs = list(self._adopted.values())
        batches = [specs[start : start + _MAX_BATCH] for start in range(0, len(specs), _MAX_BATCH)]
        mode = pb.REGISTER_MODE_PER_ITEM
        again = [pb.SessionRegister(tasks=batch, mode=mode) for batch in batches]
        return [pb.SessionRequest(request_id="adopt", register=register) for register in again]

    def _take_results(self, frame: pb.SessionResults) -> None:
        for result in frame.results:
            if result.task.id in self._read_behind_cursor:
                self._read_since_grant += 1
            else:
                self._unread.append(_Unread(records.Result(result), ""))
        self._move(frame.cursor)

    def _answered(self, response: pb.SessionResponse) -> Answer | None:
        request = self._pending.pop(response.request_id, None)
        value: Any = None
        match response.WhichOneof("kind"):
            case "registered":
                value = [records.registered_of(result) for result in response.registered.results]
                self._adopt(request, value)
            case "cancelled":
                value = [records.cancel_result_of(result) for result in response.cancelled.results]
            case "subscribed":
                value = response.subscribed.cursor
                # Resuming is answered too, and must not move a reader that has not read what comes next.
                if request is not None:
                    self._subscription = request.subscribe
                    self._move(value)
            case "unsubscribed":
                value = response.unsubscribed.cursor
                self._subscription = None
        return Answer(response.request_id, value) if request is not None else None

    def _adopt(self, request: pb.SessionRequest | None, answers: list[records.Registered]) -> None:
        for spec, answer in zip(request.register.tasks if request is not None else (), answers, strict=False):
            if answer.task is not None and answer.task.session_id != self.session_id:
                self._adopted[answer.task.id] = spec

    def _refused(self, request_id: str, refusal: pb.SessionError) -> Answer | None:
        error = error_from_status(refusal.status)
        if request_id not in self._pending:
            raise error
        if isinstance(error, errors.Closing):
            # The goodbye is on its way; the next connection sends the request again.
            return None
        del self._pending[request_id]
        return Answer(request_id, error=error)

    def _move(self, cursor: str) -> None:
        """Moves the reader on to `cursor`, as soon as it has read what came before it."""
        if self._unread:
            self._unread[-1].cursor = cursor or self._unread[-1].cursor
        else:
            self._advance(cursor)

    def _advance(self, cursor: str) -> None:
        if cursor:
            self.cursor = cursor
            self._read_behind_cursor.clear()

    def _keep_latest(self, progress: records.Progress) -> None:
        """Replaces an unread progress of the same task: a reader that pauses holds at most one for each."""
        waiting = self._unread_progress.get(progress.task_id)
        if waiting is not None:
            waiting.record = progress
            return
        item = _Unread(progress, "")
        self._unread.append(item)
        self._unread_progress[progress.task_id] = item

    def _end(self, goodbye: pb.SessionGoodbye) -> None:
        self._move(goodbye.cursor)
        match goodbye.reason:
            case pb.END_REASON_SHUTDOWN:
                raise errors.Closing("the server is shutting down")
            case pb.END_REASON_CREDIT_SPENT:
                self.starved = True
            case pb.END_REASON_SLOW_READER:
                raise errors.SlowReader("the session did not keep up with its results")
            case _:
                self.done = True
