"""A server that is a test: grpcio-testing's fake channel, answered by hand, and a clock that never waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

import grpc
import grpc_testing  # type: ignore[import-untyped]
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2  # type: ignore[import-untyped]

from millhand.client import Client
from millhand.v1 import task_pb2
from millhand.v1 import task_service_pb2 as pb

P = ParamSpec("P")
T = TypeVar("T")

SERVICE = pb.DESCRIPTOR.services_by_name["TaskService"]


class FakeServer:
    """The other end of the fake channel. What blocks is bounded by the test's own timeout."""

    def __init__(self) -> None:
        self.clock = grpc_testing.strict_fake_time(0)
        self.channel = grpc_testing.channel([SERVICE], self.clock)

    def client(self, **settings: Any) -> Client:
        return Client(channel=self.channel, clock=self.clock, **settings)

    def start(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Runs the caller's side beside the test, which plays the server."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(call(*args, **kwargs))
            except Exception as error:
                future.set_exception(error)

        # A daemon, unlike a pool's threads: a test that fails while it blocks must still end.
        threading.Thread(target=run, daemon=True).start()
        return future

    def take(self, method: str) -> tuple[dict[str, Any], Any, Any]:
        """The next unary call or server stream: its metadata, its request, its other end."""
        descriptor = SERVICE.methods_by_name[method]
        streams = method in ("StreamResults", "GetCancelled")
        take = self.channel.take_unary_stream if streams else self.channel.take_unary_unary
        metadata, request, rpc = take(descriptor)
        return dict(metadata), request, rpc

    def take_session(self) -> Any:
        _, rpc = self.channel.take_stream_stream(SERVICE.methods_by_name["Session"])
        return rpc

    def answer(self, method: str, response: object) -> Any:
        """Answers the next call of `method` and returns what it asked."""
        _, request, rpc = self.take(method)
        rpc.terminate(response, (), grpc.StatusCode.OK, "")
        return request

    def refuse(self, method: str, status: status_pb2.Status) -> None:
        _, _, rpc = self.take(method)
        rpc.terminate(None, details_of(status), code_of(status), status.message)


def refusal(
    code: int = code_pb2.INTERNAL,
    reason: str = "INTERNAL",
    message: str = "a sentence",
    *,
    domain: str = "millhand.v1",
    metadata: dict[str, str] | None = None,
    violations: dict[str, str] | None = None,
    retry_after_s: int | None = None,
) -> status_pb2.Status:
    status = status_pb2.Status(code=code, message=message)
    info = error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata)
    status.details.add().Pack(info)
    if violations:
        bad = error_details_pb2.BadRequest()
        for field, description in violations.items():
            bad.field_violations.add(field=field, description=description)
        status.details.add().Pack(bad)
    if retry_after_s is not None:
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=Duration(seconds=retry_after_s)))
    return status


def code_of(status: status_pb2.Status) -> grpc.StatusCode:
    return next(code for code in grpc.StatusCode if code.value[0] == status.code)


def details_of(status: status_pb2.Status) -> tuple[tuple[str, bytes], ...]:
    return (("grpc-status-details-bin", status.SerializeToString()),)


def completed(task_id: str, cursor: str, output: float = 1.0) -> task_pb2.Result:
    result = task_pb2.Result(cursor=cursor)
    result.task.id = task_id
    result.task.status = task_pb2.TASK_STATUS_COMPLETED
    result.output.json.number_value = output
    return result
