"""A server that says what a case tells it to: words of newer servers, and errors that are hard to provoke.

All that it says has a field that no client knows, in every message. A case has `answers`: for each method a
list of turns, of which each call takes the next one; the last one is for all that follow. A turn has any of

| key | what is said |
|---|---|
| `frames` | responses, in the JSON of protobuf; a call that is no stream has one |
| `hold` | true: then nothing more, until the caller goes |
| `error` | then this: `code` (a number), `reason`, `metadata`, `violations`, `retry_after`, `message` |

Of a session the turn has `frames` by what the client sends (`register`, ...), and those for its half-close
under `end`; the first frame of each repeats the request's id. It goes no further than what `break_at` names.
`calls` says what must have been heard, by method (see `Heard`).
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2, duration_pb2, json_format
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import code_pb2, error_details_pb2, status_pb2  # type: ignore[import-untyped]
from tests.conformance.wire import conformance_pb2 as wire

from millhand.v1 import task_service_pb2 as pb

_SERVICE = pb.DESCRIPTOR.services_by_name["TaskService"]

#: Field 1999, with three bytes in it.
_UNKNOWN_FIELD = b"\xfa\x7c\x03new"

Turn = dict[str, Any]
#: A call that came: its request (of a session, all of them), and its `authorization`.
Heard = dict[str, Any]


class Scripted:
    """A server in this process, which gives the answers of one case."""

    def __init__(self, answers: dict[str, list[Turn]]) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self._heard: dict[str, list[Heard]] = defaultdict(list)
        self._server = grpc.server(ThreadPoolExecutor(8), handlers=[_Methods(self)])
        self._port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def connection(self) -> wire.Connection:
        """How a client reaches it."""
        return wire.Connection(address=f"127.0.0.1:{self._port}")

    def heard(self) -> dict[str, list[Heard]]:
        """The calls that came, by method."""
        with self._lock:
            return dict(self._heard)

    def fault(self, name: str) -> NoReturn:
        raise ValueError(f"this server does as its answers say, and knows no {name}")

    def close(self) -> None:
        self._server.stop(None).wait()

    def turn(self, method: str, context: grpc.ServicerContext) -> tuple[Heard, Turn]:
        """Notes a call and returns what it was noted as, and the turn that is its own."""
        metadata = {str(key): value for key, value in context.invocation_metadata()}
        heard: Heard = {"authorization": metadata.get("authorization", "")}
        turns = self._answers.get(method)
        if turns is None:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"the case has no answer for {method}")
        with self._lock:
            self._heard[method].append(heard)
            return heard, turns[min(len(self._heard[method]), len(turns)) - 1]


@contextmanager
def scripted(answers: dict[str, list[Turn]]) -> Iterator[Scripted]:
    """Runs a server with these answers."""
    server = Scripted(answers)
    try:
        yield server
    finally:
        server.close()


class _Methods(grpc.GenericRpcHandler):
    """Every method of the service, by its descriptor."""

    def __init__(self, server: Scripted) -> None:
        self._server = server

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        name = details.method.rpartition("/")[2]
        method = _SERVICE.methods_by_name.get(name)
        if method is None:
            return None
        call = _Call(self._server, name, GetMessageClass(method.output_type))
        kinds: dict[tuple[bool, bool], tuple[Any, Any]] = {
            (False, False): (grpc.unary_unary_rpc_method_handler, call.unary),
            (False, True): (grpc.unary_stream_rpc_method_handler, call.stream),
            (True, True): (grpc.stream_stream_rpc_method_handler, call.session),
        }
        handler, behaviour = kinds[method.client_streaming, method.server_streaming]
        made: grpc.RpcMethodHandler[Any, Any] = handler(
            behaviour,
            request_deserializer=GetMessageClass(method.input_type).FromString,
            response_serializer=lambda response: response.SerializeToString(),
        )
        return made


class _Call:
    """One call, answered by the turn that it meets."""

    def __init__(self, server: Scripted, method: str, response: type[Message]) -> None:
        self._server = server
        self._method = method
        self._response = response

    def unary(self, request: Message, context: grpc.ServicerContext) -> Message:
        return next(self.stream(request, context))

    def stream(self, request: Message, context: grpc.ServicerContext) -> Iterator[Message]:
        heard, turn = self._server.turn(self._method, context)
        heard["request"] = _as_data(request)
        for frame in turn.get("frames", ()):
            yield self._message(frame)
        _finish(turn, context)

    def session(self, requests: Iterator[Message], context: grpc.ServicerContext) -> Iterator[Message]:
        heard, turn = self._server.turn(self._method, context)
        heard["requests"] = []
        for request in requests:
            said = _as_data(request)
            heard["requests"].append(said)
            kind = request.WhichOneof("kind")
            for number, frame in enumerate(turn.get("frames", {}).get(kind, ())):
                answers = {"request_id": said.get("request_id", "")} if number == 0 else {}
                yield self._message({**answers, **frame})
            if kind == turn.get("break_at"):
                break
        else:
            for frame in turn.get("frames", {}).get("end", ()):
                yield self._message(frame)
        _finish(turn, context)

    def _message(self, frame: dict[str, Any]) -> Message:
        message = json_format.ParseDict(frame, self._response())
        _make_newer(message)
        return message


def _finish(turn: Turn, context: grpc.ServicerContext) -> None:
    if turn.get("hold"):
        gone = threading.Event()
        if context.add_callback(gone.set):
            gone.wait()
    if "error" in turn:
        status = _status(**turn["error"])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        code = next(one for one in grpc.StatusCode if one.value[0] == status.code)
        context.abort(code, status.message)


def _status(
    code: int,
    reason: str = "",
    metadata: dict[str, str] | None = None,
    violations: dict[str, str] | None = None,
    retry_after: str = "",
    message: str = "as the case says",
) -> status_pb2.Status:
    details: list[Message] = []
    if reason:
        details.append(
            error_details_pb2.ErrorInfo(reason=reason, domain="millhand.v1", metadata=metadata or {})
        )
    if violations:
        bad = error_details_pb2.BadRequest()
        for field, description in violations.items():
            bad.field_violations.add(field=field, description=description)
        details.append(bad)
    if retry_after:
        delay = duration_pb2.Duration()
        delay.FromJsonString(retry_after)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    # What only a newer server's clients can read.
    details.append(any_pb2.Any(type_url="type.googleapis.com/millhand.v9.Unheard", value=b"\x0a\x01x"))
    packed = [one if isinstance(one, any_pb2.Any) else _packed(one) for one in details]
    assert code in code_pb2.Code.values()
    return status_pb2.Status(code=code, message=message, details=packed)


def _packed(detail: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed


def _make_newer(message: Message) -> None:
    """Gives a message, and all of ours within it, a field that nobody knows."""
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for one in value if field.is_repeated else (value,):
            if one.DESCRIPTOR.full_name.startswith("millhand."):
                _make_newer(one)
    message.MergeFromString(_UNKNOWN_FIELD)


def _as_data(request: Message) -> dict[str, Any]:
    return json_format.MessageToDict(request, preserving_proto_field_name=True)
