"""The sync client's I/O: one channel, calls and streams on it, errors mapped, forks noticed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import grpc

from millhand import errors
from millhand.protocol.ids import new_request_id
from millhand.protocol.options import channel_options
from millhand.protocol.status import DETAILS_KEY, error_from_call

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")

#: The initial metadata in which ExecuteTask names its task before there is a result.
_TASK_ID_KEY = "millhand-task-id"


def open_channel(
    address: str, tls_ca: str | os.PathLike[str] | None, credentials: grpc.ChannelCredentials | None
) -> grpc.Channel:
    """A channel to `address`, secured if either `tls_ca` (a PEM file) or `credentials` is given."""
    if tls_ca is not None and credentials is not None:
        raise ValueError("give tls_ca or credentials, not both")
    if tls_ca is not None:
        credentials = grpc.ssl_channel_credentials(Path(tls_ca).read_bytes())
    if credentials is None:
        return grpc.insecure_channel(address, options=channel_options())
    return grpc.secure_channel(address, credentials, options=channel_options())


class Stream(Generic[_Response]):
    """The answers of one streaming call; iterating raises MillhandError. `cancel` is thread-safe."""

    def __init__(self, call: Any, request_id: str) -> None:
        self._call = call
        self._request_id = request_id

    def __iter__(self) -> Iterator[_Response]:
        return self

    def __next__(self) -> _Response:
        try:
            response: _Response = next(self._call)
        except grpc.RpcError as error:
            raise _mapped(error, self._request_id) from error
        return response

    def cancel(self) -> None:
        self._call.cancel()


class Calls:
    """Calls on one long-lived channel: each has a deadline, a request id and the token. Thread-safe."""

    def __init__(self, channel: grpc.Channel, token: str | None) -> None:
        self.closed = threading.Event()
        self._channel = channel
        self._token = token
        self._pid = os.getpid()

    def unary(
        self,
        method: grpc.UnaryUnaryMultiCallable[_Request, _Response],
        request: _Request,
        timeout_s: float | None,
    ) -> _Response:
        """One answer.

        Raises:
            MillhandError: The one for the answer's reason, with this call's request id.
        """
        request_id = new_request_id()
        metadata = self._metadata(request_id)
        try:
            return method(request, timeout=timeout_s, metadata=metadata)
        except grpc.RpcError as error:
            raise _mapped(error, request_id) from error

    def stream(self, method: Any, request: Any) -> Stream[Any]:
        """The answers to `request`, which is a message or an iterator of messages, with no deadline."""
        request_id = new_request_id()
        return Stream(method(request, metadata=self._metadata(request_id)), request_id)

    def close(self) -> None:
        """Cancels what is under way. After a fork the channel is the parent's, and is let alone."""
        self.closed.set()
        if os.getpid() == self._pid:
            self._channel.close()

    def _metadata(self, request_id: str) -> tuple[tuple[str, str], ...]:
        if os.getpid() != self._pid:
            raise errors.ClientForked(
                "this client was made before os.fork() and gRPC does not work across it: "
                "make a new Client in the child process (multiprocessing: use the spawn start method)"
            )
        if self.closed.is_set():
            raise errors.ClientClosed("the client is closed")
        identity = (("authorization", f"Bearer {self._token}"),) if self._token else ()
        return (("x-request-id", request_id), *identity)


class SystemClock:
    """Real time, whose sleep ends early when `closed` is set."""

    def __init__(self, closed: threading.Event) -> None:
        self._closed = closed

    def time(self) -> float:
        return time.monotonic()

    def sleep_for(self, duration: float) -> None:
        self._closed.wait(duration)


def _mapped(error: grpc.RpcError, request_id: str) -> errors.MillhandError:
    if not isinstance(error, grpc.Call):
        # Only a call that never left has no status, for instance one on a channel that was just closed.
        return errors.CallCancelled(f"{error}", request_id=request_id)
    details = _value_of(error.trailing_metadata(), DETAILS_KEY)
    mapped = error_from_call(
        error.code(), error.details() or "", details if isinstance(details, bytes) else None, request_id
    )
    task_id = _value_of(error.initial_metadata(), _TASK_ID_KEY)
    if isinstance(task_id, str):
        mapped.metadata.setdefault("task_id", task_id)
    return mapped


def _value_of(metadata: Any, key: str) -> str | bytes | None:
    # gRPC gives None for metadata that never came.
    return next((value for name, value in metadata or () if name == key), None)
