"""Reading the log over as many streams as it takes: when to open one, what to do when it breaks."""

from __future__ import annotations

from copy import copy
from typing import Unpack

from millhand import errors
from millhand.protocol import requests
from millhand.protocol.filters import FilterOptions, task_filter
from millhand.protocol.reconnect import Reconnect
from millhand.protocol.resume import OnGap, Record, Resume
from millhand.protocol.steps import Operation, Read, Sleep, Stream, Terms
from millhand.v1 import task_service_pb2 as pb

_Request = pb.StreamResultsRequest | pb.GetCancelledRequest


class LogReading:
    """One reading of the log. A broken stream is opened again behind what was given."""

    def __init__(self, terms: Terms, method: str, request: _Request, resume: Resume) -> None:
        self._terms = terms
        self._method = method
        self._request = request
        self._resume = resume
        self._reconnect = Reconnect(terms.patience_s)
        self._stream: Stream | None = None
        self._ahead: Record | None = None
        self._begun = False
        self._closed = False

    @property
    def cursor(self) -> str:
        return self._resume.cursor

    def begin(self) -> Operation[None]:
        """Waits for the first frame, which names the place in the log: nothing after it is missed.

        Does nothing once reading has begun.

        Raises:
            MillhandError: If the stream cannot be opened; only one that began is opened again.
        """
        if not self._begun:
            self._ahead = yield from self._step()
            self._begun = True

    def next_record(self) -> Operation[Record | None]:
        """The next record, or None at the end."""
        self._begun = True
        record, self._ahead = self._ahead, None
        while record is None and not (self._closed or self._resume.done):
            record = yield from self._step()
        if record is None:
            self._hang_up()
        return record

    def close(self) -> None:
        self._closed = True
        self._hang_up()

    def _step(self) -> Operation[Record | None]:
        try:
            return (yield from self._read())
        except errors.MillhandError as error:
            self._hang_up()
            if self._closed:
                return None
            delay_s = self._reconnect.delay_after(error, self._terms.now())
        except BaseException:
            # A reader that is cancelled while it waits loses its stream and not its place.
            self._hang_up()
            raise
        yield Sleep(delay_s)
        return None

    def _read(self) -> Operation[Record | None]:
        stream = self._stream
        if stream is None:
            # A copy: the message of the stream before may still be on its way out.
            request = copy(self._request)
            request.after = self._resume.cursor
            stream = self._stream = self._terms.open(self._method, request)
        frame = yield Read(stream)
        if frame is None:
            raise self._resume.broken()
        self._reconnect.progressed()
        return self._resume.receive(frame)

    def _hang_up(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()


class ReadOptions(FilterOptions, total=False):
    """From where to read the log of results and how far, beside which tasks."""

    #: The cursor to go on from. Empty means from now on when following without `ids`, else all that is
    #: retained; "0" is always the oldest retained.
    after: str
    #: Whether to wait for more once caught up, which is so unless it is said.
    follow: bool
    #: Ends when every task of `ids` has ended; those that had ended before are given.
    close_on_completion: bool
    #: Whether the results' tasks have their payload.
    full: bool
    #: Whether to reconnect when the server says that it shuts down, which is so unless it is said.
    outlive_shutdown: bool


def results(
    terms: Terms,
    *,
    after: str = "",
    follow: bool = True,
    close_on_completion: bool = False,
    include_progress: bool = False,
    full: bool = False,
    on_gap: OnGap = "yield",
    outlive_shutdown: bool = True,
    **filter_options: Unpack[FilterOptions],
) -> LogReading:
    """Results as tasks end, each once, across lost connections and restarts. See `Client.results`."""
    request = pb.StreamResultsRequest(
        filter=task_filter(**filter_options),
        follow=follow,
        close_on_completion=close_on_completion,
        include_progress=include_progress,
        view=requests.view(full),
    )
    return LogReading(terms, "StreamResults", request, Resume(after, on_gap, outlive_shutdown))


def cancelled(
    terms: Terms,
    *,
    after: str = "",
    follow: bool = True,
    on_gap: OnGap = "yield",
    outlive_shutdown: bool = True,
) -> LogReading:
    """Tasks as they become CANCELLED; everything else as in `results`."""
    request = pb.GetCancelledRequest(follow=follow)
    return LogReading(terms, "GetCancelled", request, Resume(after, on_gap, outlive_shutdown))
