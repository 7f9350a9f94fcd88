"""What both clients say of themselves with every call, and what they make of a call that failed."""

from __future__ import annotations

import os
from typing import Any

import grpc

from millhand import errors
from millhand.protocol.status import DETAILS_KEY, error_from_call

#: The initial metadata in which ExecuteTask names its task before there is a result.
_TASK_ID_KEY = "millhand-task-id"

_HUNG_UP = "if the server serves TLS, give tls_ca, and tls_cert and tls_key if it asks for a certificate"


class Caller:
    """Who calls: a process that has not forked since, with a client that is not closed, and its token."""

    def __init__(self, token: str | None) -> None:
        self.closed = False
        self._token = token
        self._pid = os.getpid()

    @property
    def forked(self) -> bool:
        return os.getpid() != self._pid

    def metadata(self, request_id: str) -> tuple[tuple[str, str], ...]:
        """What goes with a call.

        Raises:
            ClientForked, ClientClosed: If this client cannot call (any more).
        """
        if self.forked:
            raise errors.ClientForked(
                "this client was made before os.fork() and gRPC does not work across it: "
                "make a new one in the child process (multiprocessing: use the spawn start method)"
            )
        if self.closed:
            raise errors.ClientClosed("the client is closed")
        identity = (("authorization", f"Bearer {self._token}"),) if self._token else ()
        return (("x-request-id", request_id), *identity)


def mapped(error: grpc.RpcError, request_id: str) -> errors.MillhandError:
    """The exception that stands for a call's failure."""
    # Both of gRPC's libraries have these, and no class in common that says so.
    call: Any = error
    if not hasattr(call, "trailing_metadata"):
        # Only a call that never left has no status, for instance one on a channel that was just closed.
        return errors.CallCancelled(f"{error}", request_id=request_id)
    details = _value_of(call.trailing_metadata(), DETAILS_KEY)
    known = details if isinstance(details, bytes) else None
    message = _advised(call.code(), call.details() or "")
    exception = error_from_call(call.code(), message, known, request_id)
    task_id = _value_of(call.initial_metadata(), _TASK_ID_KEY)
    if isinstance(task_id, str):
        exception.metadata.setdefault("task_id", task_id)
    return exception


def _advised(code: grpc.StatusCode, said: str) -> str:
    # All that one sees of TLS on the other side is that it hangs up.
    if code is grpc.StatusCode.UNAVAILABLE and "failed to connect" in said and "Socket closed" in said:
        return f"{said}; {_HUNG_UP}"
    return said


def _value_of(metadata: Any, key: str) -> str | bytes | None:
    # gRPC gives None for metadata that never came.
    return next((value for name, value in metadata or () if name == key), None)
