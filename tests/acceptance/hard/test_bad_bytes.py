"""Whatever comes in over the wire gets a clean answer or none, and the server goes on."""

from __future__ import annotations

import random
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from tests.acceptance.conftest import PATIENCE_S, Serve, ServerProcess

from millhand import Client, task_spec
from millhand.v1 import task_service_pb2 as pb

_METHODS = pb.DESCRIPTOR.services_by_name["TaskService"].methods
_STREAMING = frozenset(method.name for method in _METHODS if method.server_streaming)
_UNARY_REQUEST = sorted(method.name for method in _METHODS if not method.client_streaming)

#: Noise that parses by chance must not close the server or take its workers away.
_HARMLESS = sorted(set(_UNARY_REQUEST) - {"Shutdown", "StartWorkers"})

#: Never to be seen in a status or in the log.
_SECRET = "hunter2"

#: Field 1, with fewer bytes than it says.
_CUT_OFF = b"\x0a\x7f" + _SECRET.encode()

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

_NOT_OURS = frozenset({grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL})


@pytest.fixture
def channel(server: ServerProcess) -> Iterator[grpc.Channel]:
    """A connection of its own, to the module's server, which sends whatever it is given."""
    with _connect(server.address) as channel:
        yield channel
    _assert_serves(server)


@pytest.mark.parametrize("method", _UNARY_REQUEST)
def test_bytes_that_do_not_parse_are_an_invalid_argument(channel: grpc.Channel, method: str) -> None:
    error = _call(channel, method, _CUT_OFF)

    assert error is not None
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert _reason(error) == "INVALID_ARGUMENT"
    assert _is_discreet(error)


@pytest.mark.parametrize("method", _HARMLESS)
def test_noise_is_never_an_unknown_or_internal_error(channel: grpc.Channel, method: str) -> None:
    noise = random.Random(method)

    for size in (1, 2, 3, 5, 8, 13, 200, 3_000):
        error = _call(channel, method, noise.randbytes(size))

        assert error is None or error.code() not in _NOT_OURS
        assert error is None or _is_discreet(error)


def test_a_good_request_with_one_byte_wrong_is_never_an_unknown_or_internal_error(
    channel: grpc.Channel,
) -> None:
    noise = random.Random(1)
    good = pb.RegisterTaskRequest(
        task=task_spec("echo", {"a": [1, "é", None]}, labels={"k": "v"}, delay=1.5, idempotency_key="key")
    ).SerializeToString()

    for position in range(len(good)):
        bad = bytearray(good)
        bad[position] ^= noise.randrange(1, 256)
        error = _call(channel, "RegisterTask", bytes(bad))

        assert error is None or error.code() not in _NOT_OURS
        assert error is None or _is_discreet(error)


def test_bytes_that_do_not_parse_end_a_session_after_what_came_before_was_answered(
    channel: grpc.Channel,
) -> None:
    ping = pb.SessionRequest(request_id="before", ping=pb.SessionPing()).SerializeToString()

    answers = _session(channel, ping, _CUT_OFF, ping)

    assert pb.SessionResponse.FromString(next(answers)).request_id == "before"
    with pytest.raises(grpc.RpcError) as ended:
        next(answers)
    assert ended.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert _is_discreet(ended.value)


@pytest.mark.parametrize("compression", list(grpc.Compression), ids=lambda kind: kind.name)
def test_a_message_over_the_limit_is_refused_also_when_it_is_small_on_the_wire(
    channel: grpc.Channel, compression: grpc.Compression
) -> None:
    request = pb.RegisterTaskRequest(task=task_spec("echo", bytes(9 * 1024 * 1024))).SerializeToString()

    error = _call(channel, "RegisterTask", request, compression=compression)

    assert error is not None
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_message_over_the_limit_ends_a_session(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as ended:
        list(_session(channel, bytes(9 * 1024 * 1024)))

    assert ended.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("size", [20_000, 1_000_000])
def test_huge_metadata_is_refused(channel: grpc.Channel, size: int) -> None:
    error = _call(channel, "GetServerInfo", b"", metadata=(("x-request-id", "v" * size),))

    assert error is not None
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: millhand\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(512),
        random.Random(2).randbytes(4_096),
        _PREFACE + random.Random(3).randbytes(4_096),
        _PREFACE + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + random.Random(4).randbytes(4_096),
    ],
    ids=["HTTP/1.1", "TLS", "noise", "noise after the preface", "noise after the settings"],
)
def test_a_connection_that_does_not_speak_grpc_is_closed(server: ServerProcess, sent: bytes) -> None:
    with _open_socket(server) as connection:
        connection.sendall(sent)

        _read_to_the_end(connection)

    _assert_serves(server)


def test_a_thousand_connections_that_say_nothing_are_in_nobodys_way(serve: Serve) -> None:
    # As many systems start programs, and then the server has to ask for more by itself.
    with _open_files(1_024):
        server = serve("--store", "memory:")
        assert server.address

    with _open_files(4_096), ExitStack() as opened:
        for number in range(1_100):
            connection = opened.enter_context(_open_socket(server))
            connection.sendall(_PREFACE[: number % len(_PREFACE)])

        _assert_serves(server)
    _assert_serves(server)


def test_neither_log_nor_status_has_anything_of_what_was_sent(serve: Serve) -> None:
    server = serve("--store", "memory:", "--log-level", "debug")

    with _connect(server.address) as channel:
        errors = [_call(channel, method, _CUT_OFF) for method in _UNARY_REQUEST]
        with pytest.raises(grpc.RpcError):
            list(_session(channel, _CUT_OFF))
        for handler in ("echo", "sleep", "no-such-handler"):
            request = pb.RegisterTaskRequest(task=task_spec(handler, {_SECRET: _SECRET}))
            errors.append(_call(channel, "RegisterTask", request.SerializeToString()))
    server.signal(signal.SIGTERM)

    assert server.ended() == 0
    log = server.stderr.rest()
    assert "RegisterTask" in log
    assert "Traceback" not in log
    assert _SECRET not in log
    assert all(error is None or _is_discreet(error) for error in errors)


def _connect(address: str) -> grpc.Channel:
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_metadata_size", 2_000_000),
        ("grpc.absolute_max_metadata_size", 2_000_000),
    ]
    return grpc.insecure_channel(address, options=options)


def _call(
    channel: grpc.Channel,
    method: str,
    request: bytes,
    *,
    compression: grpc.Compression | None = None,
    metadata: tuple[tuple[str, str], ...] | None = None,
) -> grpc.RpcError | None:
    """Returns how the call failed; None if it did not, or had not ended after a second."""
    path = f"/millhand.v1.TaskService/{method}"
    stream: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(path)
    unary: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
    limit_s = PATIENCE_S if len(request) > 1_000_000 else 1
    try:
        if method in _STREAMING:
            list(stream(request, timeout=limit_s))
        else:
            unary(request, timeout=limit_s, compression=compression, metadata=metadata)
    except grpc.RpcError as error:
        return None if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED else error
    return None


def _session(channel: grpc.Channel, *requests: bytes) -> Iterator[bytes]:
    method: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
        "/millhand.v1.TaskService/Session"
    )
    return method(iter(requests), timeout=PATIENCE_S)


def _reason(error: grpc.RpcError) -> str:
    trailing: Any = error.trailing_metadata()
    details = dict(trailing)["grpc-status-details-bin"]
    info = error_details_pb2.ErrorInfo()
    assert status_pb2.Status.FromString(details).details[0].Unpack(info)
    return str(info.reason)


def _is_discreet(error: grpc.RpcError) -> bool:
    """Whether the status has nothing of an exception or of the payload."""
    said = f"{error.details()} {error.trailing_metadata()}"
    return not any(word in said for word in (_SECRET, "Traceback", "Exception", "DecodeError", "ValueError"))


def _assert_serves(server: ServerProcess) -> None:
    with Client(server.address, timeout=PATIENCE_S) as client:
        assert client.execute("echo", "still here") == "still here"
    assert server.process.poll() is None


def _open_socket(server: ServerProcess) -> socket.socket:
    host, _, port = server.address.rpartition(":")
    return socket.create_connection((host, int(port)), PATIENCE_S)


def _read_to_the_end(connection: socket.socket) -> None:
    try:
        while connection.recv(4_096):
            pass
    except ConnectionResetError:
        # The end too: the other side had not read all that was sent.
        return


@contextmanager
def _open_files(count: int) -> Iterator[None]:
    """Lets this process, and those that it starts meanwhile, have so many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
